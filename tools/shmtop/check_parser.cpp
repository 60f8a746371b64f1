// SPDX-License-Identifier: Apache-2.0
#include "shmtop/check_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include "shmtop/check_paths.hpp"

namespace trackshm::tools {
namespace {

// Deeper expressions are a mistake or an attack on the stack.
constexpr int max_depth = 64;

constexpr std::array<std::pair<std::string_view, Comparator>, 6> comparators = {{
    {"<=", Comparator::less_equal},  // before its prefix
    {"<", Comparator::less},
    {">=", Comparator::greater_equal},
    {">", Comparator::greater},
    {"==", Comparator::equal},
    {"!=", Comparator::not_equal},
}};

std::string lower(std::string_view text) {
    std::string result;
    for (const char c : text) result.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    return result;
}

// "", "k", "kib": powers of 1024; "kb": powers of 1000; "%". Nothing if it is none of these.
std::optional<CheckNumber> with_suffix(CheckNumber value, std::string_view suffix) {
    if (suffix.empty() || suffix == "b") return value;
    if (suffix == "%") return value / 100;  // rounds as a ratio does; a factor of 0.01 would not
    const std::size_t power = std::string_view("kmgtpe").find(suffix.front());
    if (power == std::string_view::npos) return std::nullopt;
    const std::string_view rest = suffix.substr(1);
    if (!rest.empty() && rest != "ib" && rest != "b") return std::nullopt;
    return value * std::pow(rest == "b" ? 1000.0L : 1024.0L, static_cast<CheckNumber>(power + 1));
}

class Parser {
public:
    explicit Parser(std::string_view text) : rest_(text) {}

    CheckNode parse() {
        CheckNode root = expression(0);
        skip_spaces();
        if (!rest_.empty()) fail("expected && or || or the end");
        return root;
    }

private:
    CheckNode expression(int depth) {
        return chain(CheckNode::Kind::any, "||", [&] {
            return chain(CheckNode::Kind::all, "&&", [&] { return term(depth); });
        });
    }

    // One or more parts joined by `word`; a single one stands for itself.
    template <class Part>
    CheckNode chain(CheckNode::Kind kind, std::string_view word, Part&& part) {
        CheckNode first = part();
        if (!take(word)) return first;
        CheckNode node;
        node.kind = kind;
        node.children.push_back(std::move(first));
        do {
            node.children.push_back(part());
        } while (take(word));
        return node;
    }

    CheckNode term(int depth) {
        if (take("!")) return truth(operand(), false);
        if (!take("(")) return comparison();
        if (depth == max_depth) fail("too many parentheses");
        CheckNode node = expression(depth + 1);
        if (!take(")")) fail("expected )");
        return node;
    }

    CheckNode comparison() {
        CheckNode node;
        node.left = operand();
        const auto compared = comparator();
        if (!compared) return truth(std::move(node.left), true);
        node.comparator = *compared;
        node.right = operand();
        if (node.left.is_each && node.right.is_each) throw CheckSyntaxError("[*] may be on one side of a comparison");
        return node;
    }

    // `figure` alone, or with ! before it.
    CheckNode truth(Operand figure, bool wanted) const {
        if (!figure.is_truth) fail("expected a comparison (< <= > >= == !=)");
        CheckNode node;
        node.left = std::move(figure);
        node.right.text = wanted ? "true" : "false";
        node.right.figures = constant(wanted ? 1 : 0);
        return node;
    }

    std::optional<Comparator> comparator() {
        for (const auto& [word, value] : comparators) {
            if (take(word)) return value;
        }
        return std::nullopt;
    }

    Operand operand() {
        Operand result;
        result.text = std::string{next_word()};
        if (result.text.empty()) fail("expected a number or the name of a figure");
        rest_.remove_prefix(result.text.size());
        if (std::isdigit(static_cast<unsigned char>(result.text.front())) != 0) {
            take_unit(result.text);
            result.figures = constant(number(result.text));
        } else if (const std::string word = lower(result.text); word == "true" || word == "false") {
            result.figures = constant(word == "true" ? 1 : 0);
        } else {
            set_path(result, word);
        }
        return result;
    }

    // "11 GiB": no other word may follow a number.
    void take_unit(std::string& number_text) {
        const std::string_view word = next_word();
        if (word.empty() || std::isdigit(static_cast<unsigned char>(word.front())) != 0) return;
        if (const std::string small = lower(word); small == "and" || small == "or") fail("expected && or ||");
        number_text += word;
        rest_.remove_prefix(word.size());
    }

    std::string_view next_word() {
        skip_spaces();
        return rest_.substr(0, rest_.find_first_not_of(operand_characters_));
    }

    static CheckFigures constant(CheckNumber value) {
        return [value](const stats::Snapshot&) { return std::vector<CheckFigure>{{"", value}}; };
    }

    static void set_path(Operand& operand, const std::string& path) {
        auto found = find_check_path(path);
        if (!found) {
            throw CheckSyntaxError(fmt::format("there is no figure '{}'{}", operand.text, check_path_hint(path)));
        }
        operand.is_path = true;
        operand.is_each = found->is_each;
        operand.is_truth = found->is_truth;
        operand.figures = std::move(found->figures);
    }

    static CheckNumber number(const std::string& text) {
        CheckNumber value = 0;
        const auto result = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::general);
        const auto scaled = with_suffix(value, lower(result.ptr));
        if (result.ec != std::errc{} || !scaled) throw CheckSyntaxError(fmt::format("'{}' is no number", text));
        return *scaled;
    }

    bool take(std::string_view word) {
        skip_spaces();
        if (!rest_.starts_with(word)) return false;
        rest_.remove_prefix(word.size());
        return true;
    }

    void skip_spaces() {
        while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front())) != 0) rest_.remove_prefix(1);
    }

    [[noreturn]] void fail(const char* expected) const {
        throw CheckSyntaxError(rest_.empty() ? fmt::format("{} at the end", expected)
                                             : fmt::format("{} at '{}'", expected, rest_));
    }

    static constexpr std::string_view operand_characters_ =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.[]*%";
    std::string_view rest_;
};

}  // namespace

CheckNode parse_check(std::string_view text) { return Parser(text).parse(); }

}  // namespace trackshm::tools
