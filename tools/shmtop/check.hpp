// SPDX-License-Identifier: Apache-2.0
//
// --check EXPR: conditions on a snapshot, for scripts and monitoring.
//
//   expression  = conjunction { "||" conjunction }
//   conjunction = term { "&&" term }
//   term        = "(" expression ")" | operand comparator operand | [ "!" ] path
//   comparator  = "<" | "<=" | ">" | ">=" | "==" | "!="
//   operand     = number [ suffix ] | "true" | "false" | path
//   path        = [ device ] [ TYPE "." ] FIELD | process [ device ] [ TYPE "." ] FIELD
//   device      = "device[" ( N | "*" ) "]."
//   process     = "process[" ( PID | "*" ) "]."
//
// A path alone is of a figure that is true or false. A comparison with [*] holds if it does for every device or process there
// is.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

// 64 bits of mantissa at least on every platform we run on: counters compare exactly, ratios are at hand.
using CheckNumber = long double;
// Nothing: the value is unknown, as a used_ratio without a capacity.
using CheckValue = std::optional<CheckNumber>;

// One value that an operand stands for, and what it is called.
struct CheckFigure {
    std::string name;
    CheckValue value;
};

using CheckFigures = std::function<std::vector<CheckFigure>(const stats::Snapshot&)>;

enum class Comparator { less, less_equal, greater, greater_equal, equal, not_equal };

struct Operand {
    std::string text;  // as written
    bool is_path = false;
    bool is_each = false;   // one figure per device or process
    bool is_truth = false;  // true or false
    CheckFigures figures;
};

struct CheckNode {
    enum class Kind { any, all, comparison };
    Kind kind = Kind::comparison;
    // any, all
    std::vector<CheckNode> children;
    // comparison
    Operand left;
    Comparator comparator = Comparator::equal;
    Operand right;
};

class Check {
public:
    // Nothing, with `problem` set to one phrase, if `text` is no expression or names something unknown.
    static std::optional<Check> parse(std::string_view text, std::string& problem);

    // Nothing if the expression holds, else one line: which comparisons broke it, with their values.
    std::optional<std::string> failure(const stats::Snapshot& snapshot) const;

private:
    explicit Check(CheckNode root) : root_(std::move(root)) {}

    CheckNode root_;
};

}  // namespace trackshm::tools
