// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/process_tree.hpp"

#include <map>
#include <string_view>
#include <utility>

namespace trackshm::tools {
namespace {

struct Branches {
    std::string_view child, last_child, beside, below_last;
};

constexpr Branches ascii_branches = {"|- ", "`- ", "|  ", "   "};
constexpr Branches unicode_branches = {"\xE2\x94\x9C\xE2\x94\x80 ", "\xE2\x94\x94\xE2\x94\x80 ", "\xE2\x94\x82  ", "   "};

class Arrangement {
public:
    Arrangement(const std::vector<std::int32_t>& pids, const Parents& parents, Charset charset)
        : branches_(charset == Charset::ascii ? ascii_branches : unicode_branches), done_(pids.size(), false) {
        std::map<std::int32_t, std::size_t> index_of;
        for (std::size_t i = 0; i < pids.size(); ++i) {
            if (pids[i] > 0) index_of.emplace(pids[i], i);  // 0: not visible from here, and no one's parent
        }
        for (std::size_t i = 0; i < pids.size(); ++i) {
            const auto parent = parents.find(pids[i]);
            const auto found = parent == parents.end() ? index_of.end() : index_of.find(parent->second);
            if (found == index_of.end() || found->second == i || pids[i] <= 0) {
                roots_.push_back(i);
            } else {
                children_[found->second].push_back(i);
            }
        }
    }

    std::vector<TreeRow> rows() {
        for (const std::size_t root : roots_) add(root, "", "");
        // Only members of a loop are left.
        for (std::size_t i = 0; i < done_.size(); ++i) add(i, "", "");
        return std::move(rows_);
    }

private:
    // `branch` stands before this one, `indent` before those below it.
    void add(std::size_t index, std::string branch, const std::string& indent) {
        if (done_[index]) return;
        done_[index] = true;
        rows_.push_back({index, std::move(branch)});
        const std::vector<std::size_t>& children = children_[index];
        for (const std::size_t child : children) {
            const bool is_last = child == children.back();
            add(child, indent + std::string{is_last ? branches_.last_child : branches_.child},
                indent + std::string{is_last ? branches_.below_last : branches_.beside});
        }
    }

    Branches branches_;
    std::vector<bool> done_;
    std::vector<std::size_t> roots_;
    std::map<std::size_t, std::vector<std::size_t>> children_;
    std::vector<TreeRow> rows_;
};

}  // namespace

std::vector<TreeRow> arrange_as_tree(const std::vector<std::int32_t>& pids, const Parents& parents, Charset charset) {
    return Arrangement(pids, parents, charset).rows();
}

}  // namespace trackshm::tools
