// SPDX-License-Identifier: Apache-2.0
//
// -d, -p, -t, -s and --top: what of a snapshot is shown, and in which order, whatever the view.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <trackshm/stats.hpp>

#include "common/list.hpp"

namespace trackshm::tools {

enum class SortKey { live, peak, pid, buffers, comm };
std::string_view sort_key_name(SortKey key) noexcept;

struct Filter {
    NumberList devices;
    NumberList pids;
    NumberList types;
    SortKey sort_key = SortKey::live;
    std::optional<std::size_t> top;
    std::string text;  // the options that ask for less than all, as they were given: "-d 2,4-5 -t DRAM"
};

// Each takes the arguments of one option, every one of them a LIST. False, with `problem` set, if one is none.
bool add_devices(Filter& filter, const std::vector<std::string>& lists, std::string& problem);
bool add_pids(Filter& filter, const std::vector<std::string>& lists, std::string& problem);
bool add_types(Filter& filter, const std::vector<std::string>& lists, std::string& problem);  // names or numbers
bool set_sort_key(Filter& filter, const std::string& key, std::string& problem);

// Removes from the snapshot what does not pass and sorts the processes.
//
// With devices or types chosen, live figures count these alone, and devices and processes that have none of them are
// gone. A peak is of the whole device or process, since peaks of parts do not add up; where one memory alone is left of
// it, it is this one's. The peaks of the last seconds are always the whole device's. Event counters and ended processes
// know no devices and stay.
//
// With processes chosen, devices and their memories stay, and their live figures count what these processes hold. Their
// other figures know no processes and stay the device's: peaks, gauges, capacities, totals, failures; so do the event
// counters of the whole.
void apply_filter(const Filter& filter, stats::Snapshot& snapshot);

// --top: the list of processes is cut off. Apart, since it is about what is shown: a check is made before.
void cut_processes(const Filter& filter, stats::Snapshot& snapshot);

// The same for details. Devices that are not chosen are gone; of the size histograms those of chosen types stay. Who held
// what at a device's peak, its past and its last failure are of the whole device and stay as they are, but for holders and
// large buffers of types or processes that are not chosen: what the holders had counts as rest.
void apply_filter(const Filter& filter, stats::Details& details);

}  // namespace trackshm::tools
