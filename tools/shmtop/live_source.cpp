// SPDX-License-Identifier: Apache-2.0
#include "shmtop/live_source.hpp"

#include <utility>
#include <vector>

#include "shmtop/process_parents.hpp"

namespace trackshm::tools {
namespace {

// They hold hours of history of each device; half a second is the finest that is seen of them.
constexpr std::uint64_t details_period_ns = 500'000'000;

WantsBuffer wants_buffer(const Filter& filter) {
    return [filter](std::int32_t pid, const LiveBuffer& buffer) {
        return filter.pids.passes(static_cast<std::uint32_t>(pid)) && filter.devices.passes(buffer.device) &&
               filter.types.passes(buffer.type);
    };
}

}  // namespace

LiveSource::LiveSource(stats::Reader& reader, const std::string& name_space, const Filter& filter)
    : reader_(reader), name_space_(name_space), lookout_(name_space, wants_buffer(filter)) {}

bool LiveSource::next(stats::Snapshot& snapshot, stats::Error& error) {
    if (!reader_.read(snapshot, error)) return false;
    if (!snapshot.aggregator_alive) attach_to_successor(snapshot);
    return true;
}

// An aggregator that was started again may publish in another segment.
void LiveSource::attach_to_successor(stats::Snapshot& snapshot) {
    stats::Error ignored;
    auto successor = stats::Reader::open(name_space_, ignored);
    stats::Snapshot newer;
    if (!successor || !successor->read(newer, ignored)) return;
    reader_ = std::move(*successor);
    snapshot = std::move(newer);
}

void LiveSource::gather(const Wanted& wanted, const stats::Snapshot& snapshot, Extras& extras) {
    if (wanted.details) read_details(snapshot, extras);
    if (wanted.parents) {
        std::vector<std::int32_t> pids;
        for (const stats::Process& process : snapshot.processes) pids.push_back(process.pid);
        extras.parents = find_parents(pids);
    }
    if (wanted.buffers) {
        extras.buffers = lookout_.latest();
        extras.buffers_are_coming = extras.buffers == nullptr;
        extras.why_no_buffers = "looking for the largest buffers ..";
    }
}

void LiveSource::read_details(const stats::Snapshot& snapshot, Extras& extras) {
    const std::uint64_t now_ns = snapshot.time_unix_ns;
    if (now_ns >= details_read_unix_ns_ && now_ns < details_read_unix_ns_ + details_period_ns) return;
    stats::Details details;
    stats::Error ignored;  // the snapshot's own trouble is told
    if (!reader_.read_details(details, ignored)) return;
    extras.details = std::move(details);
    details_read_unix_ns_ = now_ns;
}

}  // namespace trackshm::tools
