// SPDX-License-Identifier: Apache-2.0
#include "shmtop/check.hpp"

#include <fmt/format.h>

#include <cmath>

#include "shmtop/check_parser.hpp"

namespace trackshm::tools {
namespace {

const char* text_of(Comparator comparator) {
    switch (comparator) {
        case Comparator::less: return "<";
        case Comparator::less_equal: return "<=";
        case Comparator::greater: return ">";
        case Comparator::greater_equal: return ">=";
        case Comparator::equal: return "==";
        case Comparator::not_equal: break;
    }
    return "!=";
}

bool holds(CheckNumber left, Comparator comparator, CheckNumber right) {
    switch (comparator) {
        case Comparator::less: return left < right;
        case Comparator::less_equal: return left <= right;
        case Comparator::greater: return left > right;
        case Comparator::greater_equal: return left >= right;
        case Comparator::equal: return left == right;
        case Comparator::not_equal: break;
    }
    return left != right;
}

std::string value_text(const Operand& operand, const CheckFigure& figure) {
    if (!figure.value) return fmt::format("{} is unknown: no capacity is known", figure.name);
    if (operand.is_truth) return fmt::format("{} is {}", figure.name, *figure.value != 0);
    const bool is_whole = *figure.value == std::floor(*figure.value);  // counters in full, ratios shortened
    return is_whole ? fmt::format("{} is {:.0f}", figure.name, *figure.value)
                    : fmt::format("{} is {:.6g}", figure.name, *figure.value);
}

std::string failure_text(const CheckNode& node, const CheckFigure& left, const CheckFigure& right) {
    std::string values;
    if (node.left.is_path) values += value_text(node.left, left);
    if (node.left.is_path && node.right.is_path) values += ", ";
    if (node.right.is_path) values += value_text(node.right, right);
    return fmt::format("{} {} {}{}{}{}", node.left.text, text_of(node.comparator), node.right.text,
                       values.empty() ? "" : " (", values, values.empty() ? "" : ")");
}

std::optional<std::string> comparison_failure(const CheckNode& node, const stats::Snapshot& snapshot) {
    const std::vector<CheckFigure> rights = node.right.figures(snapshot);
    for (const CheckFigure& left : node.left.figures(snapshot)) {
        for (const CheckFigure& right : rights) {
            if (left.value && right.value && holds(*left.value, node.comparator, *right.value)) continue;
            return failure_text(node, left, right);
        }
    }
    return std::nullopt;
}

// What broke `node`; nothing if it holds. Of "all" the first part that fails, of "any" every one.
std::optional<std::string> node_failure(const CheckNode& node, const stats::Snapshot& snapshot) {
    if (node.kind == CheckNode::Kind::comparison) return comparison_failure(node, snapshot);
    std::string failures;
    for (const CheckNode& child : node.children) {
        const auto failure = node_failure(child, snapshot);
        if (node.kind == CheckNode::Kind::all && failure) return failure;
        if (node.kind == CheckNode::Kind::any && !failure) return std::nullopt;
        if (failure) failures += (failures.empty() ? "" : ", and ") + *failure;
    }
    return node.kind == CheckNode::Kind::all ? std::nullopt : std::optional(failures);
}

}  // namespace

std::optional<Check> Check::parse(std::string_view text, std::string& problem) {
    try {
        return Check(parse_check(text));
    } catch (const CheckSyntaxError& error) {
        problem = error.what();
        return std::nullopt;
    }
}

std::optional<std::string> Check::failure(const stats::Snapshot& snapshot) const {
    return node_failure(root_, snapshot);
}

}  // namespace trackshm::tools
