// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/view_processes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/units.hpp"
#include "common/users.hpp"
#include "shmtop/screen/process_tree.hpp"
#include "shmtop/summary.hpp"
#include "shmtop/usage_groups.hpp"

namespace trackshm::tools {
namespace {

bool before(const stats::Process& a, const stats::Process& b, std::string_view key) {
    if (key == "live") return a.live_bytes > b.live_bytes;
    if (key == "peak") return a.peak_bytes > b.peak_bytes;
    if (key == "buffers") return a.live_buffers > b.live_buffers;
    if (key == "user") return user_name(a.uid) < user_name(b.uid);
    if (key == "comm") return a.comm < b.comm;
    if (key == "device" && !a.usage.empty() && !b.usage.empty()) return a.usage.front().device < b.usage.front().device;
    return a.pid < b.pid;
}

// What a process holds in one memory, or that it holds nothing.
struct Share {
    std::size_t process;
    const stats::Usage* usage;
};

std::vector<Share> shares_of(const stats::Snapshot& snapshot) {
    std::vector<Share> shares;
    for (std::size_t i = 0; i < snapshot.processes.size(); ++i) {
        for (const stats::Usage& usage : snapshot.processes[i].usage) shares.push_back({i, &usage});
        if (snapshot.processes[i].usage.empty()) shares.push_back({i, nullptr});
    }
    return shares;
}

bool before(const Share& a, const Share& b, const stats::Snapshot& snapshot, std::string_view key) {
    const stats::Usage nothing;
    const stats::Usage& one = a.usage == nullptr ? nothing : *a.usage;
    const stats::Usage& other = b.usage == nullptr ? nothing : *b.usage;
    if (key == "live") return one.live_bytes > other.live_bytes;
    if (key == "peak") return one.peak_bytes > other.peak_bytes;
    if (key == "buffers") return one.live_buffers > other.live_buffers;
    if (key == "device") return std::pair(one.device, one.type) < std::pair(other.device, other.type);
    return before(snapshot.processes[a.process], snapshot.processes[b.process], key);
}

template <class Row, class Before>
void sort_rows(std::vector<Row>& rows, const ViewSettings& view, Before&& is_before) {
    const std::string_view key = traits_of(ViewId::processes).sort_keys[view.sort];
    std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) { return is_before(a, b, key); });
    if (view.inverted) std::reverse(rows.begin(), rows.end());
}

// The row of the process at that index of the snapshot. Two may have pid 0, seen from here: own_pid tells them apart.
std::string row_id(const stats::Process& process) { return fmt::format("{}:{}", process.pid, process.own_pid); }

std::vector<TreeRow> arranged(const ScreenInput& input, const UiState& state) {
    const auto& processes = input.snapshot.processes;
    std::vector<std::size_t> order(processes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    sort_rows(order, state.settings.of(ViewId::processes),
              [&](std::size_t a, std::size_t b, std::string_view key) { return before(processes[a], processes[b], key); });
    std::vector<TreeRow> rows;
    if (!state.settings.tree) {
        for (const std::size_t index : order) rows.push_back({index, ""});
        return rows;
    }
    std::vector<std::int32_t> pids;
    for (const std::size_t index : order) pids.push_back(processes[index].pid);
    rows = arrange_as_tree(pids, input.extras.parents, state.charset);
    for (TreeRow& row : rows) row.index = order[row.index];
    return rows;
}

// ---- column sets ----------------------------------------------------------------------------------------------------

enum ColumnSet : std::size_t { memory_set, device_set, event_set };  // in the order of the view's traits

std::vector<ListColumn> leading_columns() {
    return {{.title = "PID", .width = 7, .sort_key = "pid"},
            {.title = "USER", .width = 8, .align = Align::left, .rank = 3, .sort_key = "user"},
            {.title = "", .width = 1, .align = Align::left},
            {.title = "COMMAND", .width = 15, .align = Align::left, .sort_key = "comm"}};
}

std::vector<ListColumn> memory_columns(std::size_t bytes) {
    return {{.title = "LIVE", .width = bytes, .sort_key = "live"},
            {.title = "BUFFERS", .width = 7, .rank = 2, .sort_key = "buffers"},
            {.title = "PEAK", .width = bytes + 1, .sort_key = "peak"},
            {.title = "WHERE", .width = 10, .align = Align::left, .rank = 1, .growth = 400, .sort_key = "device"}};
}

std::vector<ListColumn> device_columns(std::size_t bytes) {
    return {{.title = "DEVICE", .width = 6, .sort_key = "device"},
            {.title = "TYPE", .width = 15, .align = Align::left},
            {.title = "LIVE", .width = bytes, .sort_key = "live"},
            {.title = "BUFFERS", .width = 7, .rank = 2, .sort_key = "buffers"},
            {.title = "PEAK", .width = bytes + 1, .sort_key = "peak"}};
}

std::vector<ListColumn> event_columns() {
    return {{.title = "REPORTED", .width = 10},
            {.title = "APPLIED", .width = 10},
            {.title = "PENDING", .width = 7},
            {.title = "COALESCED", .width = 9, .rank = 1},
            {.title = "DROPPED", .width = 7},
            {.title = "UNKNOWN", .width = 7, .rank = 2},
            {.title = "IMPLICIT", .width = 8, .rank = 5},
            {.title = "AMBIGUOUS", .width = 9, .rank = 6},
            {.title = "REJECTED", .width = 8, .rank = 4}};
}

class Rows {
public:
    Rows(ListModel& model, const UiState& state) : model_(model), unit_(state.settings.unit) {}

    void add(const stats::Process& process, const std::string& branch, std::size_t set) {
        if (set == device_set) {
            for (const stats::Usage& usage : process.usage) add(process, branch, &usage);
            if (process.usage.empty()) add(process, branch, nullptr);
            return;
        }
        std::vector<ListCell> cells = leading_cells(process, branch);
        if (set == event_set) {
            add_event_cells(process.events, cells);
        } else {
            add_memory_cells(process, cells);
        }
        model_.rows.push_back({row_id(process), std::move(cells), {}});
    }

    // Of one memory that the process ever held anything of; null if there is none.
    void add(const stats::Process& process, const std::string& branch, const stats::Usage* usage) {
        std::vector<ListCell> cells = leading_cells(process, branch);
        std::string id = row_id(process);
        if (usage != nullptr) {
            cells.emplace_back(std::to_string(usage->device));
            cells.emplace_back(std::string{stats::type_name(usage->type)});
            cells.emplace_back(bytes(usage->live_bytes));
            cells.emplace_back(std::to_string(usage->live_buffers));
            cells.emplace_back((process.peak_exact ? "" : ">") + bytes(usage->peak_bytes));
            id += fmt::format("/{}/{}", usage->device, usage->type);
        }
        model_.rows.push_back({std::move(id), std::move(cells), {}});
    }

private:
    std::string bytes(std::uint64_t value) const { return format_bytes(value, unit_); }

    static std::vector<ListCell> leading_cells(const stats::Process& process, const std::string& branch) {
        const char mark = mark_of(process);
        const Tone tone = mark == ' ' ? Tone::normal : Tone::warning;
        return {pid_text(process.pid), user_name(process.uid), {std::string(1, mark), tone}, {branch + process.comm, tone}};
    }

    void add_memory_cells(const stats::Process& process, std::vector<ListCell>& cells) const {
        cells.emplace_back(bytes(process.live_bytes));
        cells.emplace_back(std::to_string(process.live_buffers));
        cells.emplace_back((process.peak_exact ? "" : ">") + bytes(process.peak_bytes));
        cells.emplace_back(where_text(process, unit_));
    }

    static void add_event_cells(const stats::Events& events, std::vector<ListCell>& cells) {
        const auto add = [&](std::uint64_t count, Tone tone = Tone::normal) {
            cells.emplace_back(std::to_string(count), count == 0 ? Tone::normal : tone);
        };
        add(events.reported);
        add(events.applied);
        add(events.pending);
        add(events.coalesced);
        add(events.dropped, Tone::critical);
        add(events.unknown_frees, Tone::warning);
        add(events.implicit_frees, Tone::warning);
        add(events.ambiguous_frees);
        add(events.rejected, Tone::warning);
    }

    ListModel& model_;
    ByteUnit unit_;
};

std::vector<ListColumn> columns_of_set(std::size_t set, std::size_t bytes) {
    std::vector<ListColumn> columns = leading_columns();
    const std::vector<ListColumn> more = set == device_set  ? device_columns(bytes)
                                         : set == event_set ? event_columns()
                                                            : memory_columns(bytes);
    columns.insert(columns.end(), more.begin(), more.end());
    return columns;
}

}  // namespace

ListModel processes_list(const ScreenInput& input, const UiState& state) {
    ListModel model;
    const std::size_t set = state.settings.of(ViewId::processes).columns;
    Rows rows(model, state);
    if (set == device_set && !state.settings.tree) {
        std::vector<Share> shares = shares_of(input.snapshot);
        sort_rows(shares, state.settings.of(ViewId::processes), [&](const Share& a, const Share& b, std::string_view key) {
            return before(a, b, input.snapshot, key);
        });
        for (const Share& share : shares) rows.add(input.snapshot.processes[share.process], "", share.usage);
    } else {
        for (const TreeRow& row : arranged(input, state)) rows.add(input.snapshot.processes[row.index], row.branch, set);
    }
    model.columns = columns_of_set(set, bytes_width(state.settings.unit));
    if (set == device_set) fit_to_cells(model, 5, 4, 15, 15, state.charset);
    // A tree may need more than a name.
    model.columns[3].growth = width_of_cells(model, 3, 15, 40, state.charset) - 15;
    if (const std::string legend = legend_text(input.snapshot); !legend.empty()) model.notes.push_back(legend);
    model.when_empty = input.when_empty("no process is tracked: start a program with TRACKSHM=1");
    return model;
}

Panel process_panel(const ScreenInput& input, const UiState& state, const std::string& id) {
    const auto& processes = input.snapshot.processes;
    const auto found = std::find_if(processes.begin(), processes.end(), [&](const stats::Process& process) {
        return row_id(process) == id.substr(0, id.find('/'));
    });
    if (found == processes.end()) return {};
    const stats::Process& process = *found;
    const auto bytes = [&](std::uint64_t value) { return format_bytes(value, state.settings.unit); };
    Panel panel;
    panel.title = fmt::format("Process {} {}", pid_text(process.pid), process.comm);
    panel.lines.emplace_back(fmt::format("user {}, live {} in {}, peak {}{}", user_name(process.uid),
                                         bytes(process.live_bytes), format_count(process.live_buffers, "buffer"),
                                         process.peak_exact ? "" : "at least ", bytes(process.peak_bytes)));
    if (process.own_pid != process.pid) {
        panel.lines.emplace_back(fmt::format("calls itself {}: it runs in a container of its own", process.own_pid));
    }
    const stats::Events& events = process.events;
    panel.lines.emplace_back(fmt::format("reported {} = applied {} + pending {} + coalesced {} + dropped {}",
                                         events.reported, events.applied, events.pending, events.coalesced,
                                         events.dropped),
                             events.dropped != 0 ? Tone::critical : Tone::normal);
    for (const stats::Usage& usage : process.usage) {
        panel.lines.emplace_back(fmt::format("{:>9} on device {} {}, {}, peak {}", bytes(usage.live_bytes), usage.device,
                                             stats::type_name(usage.type), format_count(usage.live_buffers, "buffer"),
                                             bytes(usage.peak_bytes)));
    }
    return panel;
}

}  // namespace trackshm::tools
