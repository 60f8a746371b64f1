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

void append(std::string& list, const std::string& item) {
    if (!list.empty()) list += ", ";
    list += item;
}

std::string value_text(const Operand& operand, const CheckValue& value) {
    if (!value) return fmt::format("{} is unknown: no capacity was described", operand.text);
    const bool is_whole = *value == std::floor(*value);  // counters in full, ratios shortened
    return is_whole ? fmt::format("{} is {:.0f}", operand.text, *value)
                    : fmt::format("{} is {:.6g}", operand.text, *value);
}

std::optional<std::string> comparison_failure(const CheckNode& node, const stats::Snapshot& snapshot) {
    const CheckValue left = node.left.value(snapshot);
    const CheckValue right = node.right.value(snapshot);
    if (left && right && holds(*left, node.comparator, *right)) return std::nullopt;
    std::string values;
    if (node.left.is_path) append(values, value_text(node.left, left));
    if (node.right.is_path) append(values, value_text(node.right, right));
    return fmt::format("{} {} {}{}{}{}", node.left.text, text_of(node.comparator), node.right.text,
                       values.empty() ? "" : " (", values, values.empty() ? "" : ")");
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
