// SPDX-License-Identifier: Apache-2.0
#include "segments/top_buffers.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "segments/inventory.hpp"
#include "shm/os.hpp"

namespace trackshm::tools {
namespace {

// Whether `a` is to be shown before `b`.
bool comes_first(const TopBuffersCollector::Kept& a, const TopBuffersCollector::Kept& b) {
    return std::tie(b.buffer.size_bytes, a.owner, a.buffer.sequence) <
           std::tie(a.buffer.size_bytes, b.owner, b.buffer.sequence);
}

bool is_same(const TopBuffersCollector::Kept& a, const TopBuffersCollector::Kept& b) {
    return a.owner == b.owner && a.buffer.sequence == b.buffer.sequence;
}

}  // namespace

void TopBuffersCollector::add(const LiveBuffer& buffer, std::size_t owner) {
    const Kept candidate{buffer, owner};
    // Twice as many as asked for: a buffer that is moved while it is looked at comes twice.
    if (heap_.size() < 2 * limit_) {
        heap_.push_back(candidate);
        std::push_heap(heap_.begin(), heap_.end(), comes_first);
    } else if (!heap_.empty() && comes_first(candidate, heap_.front())) {
        std::pop_heap(heap_.begin(), heap_.end(), comes_first);
        heap_.back() = candidate;
        std::push_heap(heap_.begin(), heap_.end(), comes_first);
    }
}

std::vector<TopBuffersCollector::Kept> TopBuffersCollector::take() {
    std::vector<Kept> kept = std::exchange(heap_, {});
    std::sort(kept.begin(), kept.end(), comes_first);
    kept.erase(std::unique(kept.begin(), kept.end(), is_same), kept.end());
    if (kept.size() > limit_) kept.resize(limit_);
    return kept;
}

TopBuffers find_top_buffers(const std::string& name_space, std::size_t limit, const WantsBuffer& wants,
                            const std::atomic<bool>& stop) {
    TopBuffers top;
    top.time_unix_ns = shm::unix_ns();
    const std::uint64_t begin_ns = shm::monotonic_ns();
    TopBuffersCollector collector(limit);
    std::vector<TableScan> owners;
    const Inventory inventory = Inventory::of(name_space);
    for (const SegmentInfo& segment : inventory.segments()) {
        if (stop) break;
        // A table means something beside its aggregator's ledger only; anybody may create a file of that name.
        if (!segment.is(shm::SegmentKind::table)) continue;
        if (inventory.find(shm::SegmentKind::ledger, segment.uid) == nullptr) continue;
        if (segment.state == SegmentState::unreadable) ++top.unreadable_tables;
        if (segment.state == SegmentState::foreign_layout) ++top.foreign_tables;
        TableScan table = visit_table(segment.file, [&](const TableScan& owner, const LiveBuffer& buffer) {
            if (wants(owner.pid, buffer)) {
                ++top.buffers_seen;
                top.bytes_seen += buffer.size_bytes;
                collector.add(buffer, owners.size());
            }
            return !stop;
        });
        if (!table.readable) continue;
        ++top.tables;
        if (!table.consistent) ++top.changing_tables;
        owners.push_back(std::move(table));
    }
    for (const auto& kept : collector.take()) {
        const TableScan& owner = owners[kept.owner];
        top.buffers.push_back({kept.buffer, owner.pid, owner.uid, owner.comm});
    }
    top.duration_ns = shm::monotonic_ns() - begin_ns;
    return top;
}

}  // namespace trackshm::tools
