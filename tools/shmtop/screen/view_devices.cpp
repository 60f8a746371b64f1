// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/view_devices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "common/units.hpp"
#include "shmtop/screen/tone_of.hpp"
#include "shmtop/summary.hpp"

namespace trackshm::tools {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

// What a device is sorted by. Numbers go from the largest, the device's own from the smallest.
double sort_value(const ScreenInput& input, const stats::Device& device, std::string_view key) {
    if (key == "live") return static_cast<double>(device.live_bytes());
    if (key == "peak") return static_cast<double>(device.peak_bytes);
    if (key == "buffers") return static_cast<double>(device.live_buffers());
    double value = 0;
    for (const auto& memory : device.types) {
        if (key == "used") value = std::max(value, used_ratio(memory).value_or(0));
        if (key != "rate") continue;
        if (const auto rates = input.history.rates(device.device, memory.type)) value += rates->allocations;
    }
    return value;
}

std::vector<const stats::Device*> sorted_devices(const ScreenInput& input, const UiState& state) {
    std::vector<const stats::Device*> devices;
    for (const stats::Device& device : input.snapshot.devices) {
        if (state.all_devices || was_ever_used(device)) devices.push_back(&device);
    }
    const ViewSettings& view = state.settings.of(ViewId::devices);
    const std::string_view key = traits_of(ViewId::devices).sort_keys[view.sort];
    if (key != "device") {
        std::stable_sort(devices.begin(), devices.end(), [&](const auto* a, const auto* b) {
            return sort_value(input, *a, key) > sort_value(input, *b, key);
        });
    }
    if (view.inverted) std::reverse(devices.begin(), devices.end());
    return devices;
}

std::string row_id(std::uint32_t device, std::optional<std::uint8_t> type) {
    return type ? fmt::format("{}/{}", device, *type) : fmt::format("{}", device);
}

// The device of a row's id; there may be none of that number any more.
const stats::Device* device_of(const ScreenInput& input, const std::string& id) {
    const std::string number = id.substr(0, id.find('/'));
    for (const stats::Device& device : input.snapshot.devices) {
        if (std::to_string(device.device) == number) return &device;
    }
    return nullptr;
}

// ---- column sets ----------------------------------------------------------------------------------------------------

struct RowContext {
    const ScreenInput& input;
    const UiState& state;
    const stats::Device& device;

    std::string bytes(std::uint64_t value) const { return format_bytes(value, state.settings.unit); }
    std::optional<Rates> rates(const stats::TypeCounters& memory) const {
        return input.history.rates(device.device, memory.type);
    }
};

std::string rate_text(const std::optional<Rates>& rates, double Rates::*rate) {
    return rates ? format_rate(*rates.*rate) : "-";
}

std::string byte_rate_text(const RowContext& row, const std::optional<Rates>& rates, double Rates::*rate) {
    return rates ? row.bytes(static_cast<std::uint64_t>(*rates.*rate)) : "-";
}

std::vector<ListColumn> leading_columns() {
    return {{.title = "DEVICE", .width = 6, .sort_key = "device"},
            {.title = "NAME", .width = 4, .align = Align::left, .rank = 3},
            {.title = "TYPE", .width = 4, .align = Align::left}};
}

std::vector<ListColumn> memory_columns(std::size_t bytes) {
    return {{.title = "", .width = 8, .align = Align::left, .rank = 1, .growth = 44},
            {.title = "LIVE", .width = bytes, .sort_key = "live"},
            {.title = "CAPACITY", .width = bytes, .rank = 4},
            {.title = "USED", .width = 4, .rank = 5, .sort_key = "used"},
            {.title = "BUFFERS", .width = 7, .rank = 2, .sort_key = "buffers"},
            {.title = "PEAK", .width = bytes + 1, .sort_key = "peak"},
            {.title = "ALLOCS/s", .width = 8, .rank = 6, .sort_key = "rate"},
            {.title = "BYTES/s", .width = bytes, .rank = 7}};
}

void add_memory_cells(std::vector<ListCell>& cells, const RowContext& row, const stats::TypeCounters& memory) {
    const auto ratio = used_ratio(memory);
    const Tone tone = tone_of_ratio(ratio, row.state.settings);
    if (ratio) {
        const double mark = static_cast<double>(memory.peak_bytes) / static_cast<double>(*memory.capacity_bytes);
        cells.emplace_back(Meter{*ratio, mark}, tone);
    } else {
        cells.emplace_back();
    }
    const auto rates = row.rates(memory);
    cells.emplace_back(row.bytes(memory.live_bytes), tone == Tone::good ? Tone::normal : tone);
    cells.emplace_back(memory.capacity_bytes ? row.bytes(*memory.capacity_bytes) : "");
    cells.emplace_back(ratio ? fmt::format("{:.0f}%", *ratio * 100) : "", tone);
    cells.emplace_back(std::to_string(memory.live_buffers));
    cells.emplace_back((row.device.peak_exact ? "" : ">") + row.bytes(memory.peak_bytes));
    cells.emplace_back(rate_text(rates, &Rates::allocations));
    cells.emplace_back(byte_rate_text(row, rates, &Rates::allocated_bytes));
}

std::vector<ListColumn> rate_columns(std::size_t bytes) {
    return {{.title = "ALLOCS/s", .width = 9, .sort_key = "rate"},
            {.title = "BYTES/s", .width = bytes},
            {.title = "FREES/s", .width = 9},
            {.title = "FREED/s", .width = bytes},
            {.title = "LIVE", .width = bytes, .rank = 4, .sort_key = "live"},
            {.title = "PEAK 15s", .width = bytes, .rank = 5},
            {.title = "PEAK 60s", .width = bytes, .rank = 6}};
}

void add_rate_cells(std::vector<ListCell>& cells, const RowContext& row, const stats::TypeCounters& memory) {
    const auto rates = row.rates(memory);
    cells.emplace_back(rate_text(rates, &Rates::allocations));
    cells.emplace_back(byte_rate_text(row, rates, &Rates::allocated_bytes));
    cells.emplace_back(rate_text(rates, &Rates::deallocations));
    cells.emplace_back(byte_rate_text(row, rates, &Rates::deallocated_bytes));
    cells.emplace_back(row.bytes(memory.live_bytes));
    const bool is_first = &memory == &row.device.types.front();  // the recent peaks are the device's
    cells.emplace_back(is_first ? row.bytes(row.device.peak_15s_bytes) : "");
    cells.emplace_back(is_first ? row.bytes(row.device.peak_60s_bytes) : "");
}

std::vector<ListColumn> total_columns(std::size_t bytes) {
    return {{.title = "ALLOCS", .width = 11},
            {.title = "ALLOCATED", .width = std::max<std::size_t>(bytes, 9)},
            {.title = "FREES", .width = 11},
            {.title = "FREED", .width = bytes},
            {.title = "FAILURES", .width = 8},
            {.title = "GAUGE", .width = bytes, .rank = 4}};
}

void add_total_cells(std::vector<ListCell>& cells, const RowContext& row, const stats::TypeCounters& memory) {
    cells.emplace_back(std::to_string(memory.allocations_total));
    cells.emplace_back(row.bytes(memory.allocated_bytes_total));
    cells.emplace_back(std::to_string(memory.deallocations_total));
    cells.emplace_back(row.bytes(memory.deallocated_bytes_total));
    cells.emplace_back(std::to_string(memory.allocation_failures_total),
                       memory.allocation_failures_total != 0 ? Tone::warning : Tone::normal);
    cells.emplace_back(row.bytes(memory.gauge_bytes));
}

enum ColumnSet : std::size_t { memory_set, rate_set, total_set };  // in the order of the view's traits

std::vector<ListColumn> columns_of_set(std::size_t set, std::size_t bytes) {
    std::vector<ListColumn> columns = leading_columns();
    const std::vector<ListColumn> more = set == rate_set    ? rate_columns(bytes)
                                         : set == total_set ? total_columns(bytes)
                                                            : memory_columns(bytes);
    columns.insert(columns.end(), more.begin(), more.end());
    return columns;
}

void add_rows(ListModel& model, const RowContext& context, std::size_t set) {
    const stats::Device& device = context.device;
    const std::string number = std::to_string(device.device);
    if (device.types.empty()) {
        model.rows.push_back({row_id(device.device, std::nullopt), {number, device.name}, {}});
        return;
    }
    for (const auto& memory : device.types) {
        const bool is_first = &memory == &device.types.front();
        ListRow row{row_id(device.device, memory.type), {}, device.name};
        row.cells = {{number, is_first ? Tone::normal : Tone::dim},
                     {is_first ? device.name : ""},
                     {std::string{stats::type_name(memory.type)}}};
        switch (set) {
            case rate_set: add_rate_cells(row.cells, context, memory); break;
            case total_set: add_total_cells(row.cells, context, memory); break;
            default: add_memory_cells(row.cells, context, memory); break;
        }
        model.rows.push_back(std::move(row));
    }
}

// ---- graphs ---------------------------------------------------------------------------------------------------------

struct TimeScale {
    std::uint64_t step_ns;
    const char* text;
};

TimeScale time_scale(GraphStep step) {
    switch (step) {
        case GraphStep::ten_seconds: return {10 * second_ns, "10s"};
        case GraphStep::minute: return {60 * second_ns, "60s"};
        case GraphStep::second:
        case GraphStep::off: break;
    }
    return {second_ns, "1s"};
}

// What the aggregator remembers, else what this shmtop saw itself; up to now. Always of the whole device: nobody knows
// what a part of it that passes the filters was like.
HistoryPoints past_of(const ScreenInput& input, std::uint32_t device) {
    HistoryPoints points;
    if (const stats::DeviceDetails* details = input.extras.details.find(device)) {
        const std::uint64_t seconds_begin =
            details->seconds.empty() ? input.snapshot.time_unix_ns : details->seconds.front().time_unix_ns;
        for (const stats::Sample& sample : details->ten_seconds) {
            if (sample.time_unix_ns < seconds_begin) points.push_back({sample.time_unix_ns, sample.peak_bytes});
        }
        for (const stats::Sample& sample : details->seconds) points.push_back({sample.time_unix_ns, sample.peak_bytes});
    }
    if (points.empty()) points = input.history.points(device);
    const bool is_current = input.snapshot.aggregator_alive &&
                            (points.empty() || points.back().time_unix_ns < input.snapshot.time_unix_ns);
    if (is_current) points.push_back({input.snapshot.time_unix_ns, input.history.live_bytes(device)});
    return points;
}

Graph device_graph(const ScreenInput& input, const UiState& state, const stats::Device& device, std::size_t columns) {
    const TimeScale scale = time_scale(state.settings.graph);
    // Points are up to ten seconds apart, or as far as this shmtop looks.
    const std::uint64_t max_gap_ns = std::max({5 * second_ns, 5 * scale.step_ns / 2,
                                               3 * state.settings.refresh_ms * 1'000'000});
    Graph graph;
    graph.series =
        graph_series(past_of(input, device.device), input.snapshot.time_unix_ns, scale.step_ns, columns, max_gap_ns);
    for (const auto& value : graph.series) graph.top = std::max(graph.top, value.value_or(0));
    const std::uint64_t live_bytes = input.history.live_bytes(device.device);
    const bool is_part_listed = live_bytes != device.live_bytes();
    graph.title = fmt::format("{}{}{} {}{}, top {}, {}", device.device, device.name.empty() ? "" : " ", device.name,
                              is_part_listed ? "whole device " : "", format_bytes(live_bytes, state.settings.unit),
                              format_bytes(graph.top, state.settings.unit), scale.text);
    return graph;
}

// ---- what is known about one device ---------------------------------------------------------------------------------

class DevicePanel {
public:
    DevicePanel(const ScreenInput& input, const UiState& state, const stats::Device& device)
        : input_(input), unit_(state.settings.unit), device_(device) {}

    Panel make() {
        panel_.title = fmt::format("Device {} {}", device_.device, device_.name);
        add_totals();
        if (const stats::DeviceDetails* details = input_.extras.details.find(device_.device)) {
            if (details->last_failure) add_failure(*details->last_failure);
            if (details->at_peak) add_peak(*details->at_peak);
        }
        return std::move(panel_);
    }

private:
    std::string bytes(std::uint64_t value) const { return format_bytes(value, unit_); }
    void add(std::string text, Tone tone = Tone::normal) { panel_.lines.emplace_back(std::move(text), tone); }
    std::string when(std::uint64_t time_unix_ns) const {
        return fmt::format("{}, {} ago", date_text(time_unix_ns),
                           format_duration(age_ns(input_.snapshot.time_unix_ns, time_unix_ns)));
    }

    void add_totals() {
        add(fmt::format("live {} in {}", bytes(device_.live_bytes()), format_count(device_.live_buffers(), "buffer")));
        add(fmt::format("peak {}{}; {} in the last 15 s, {} in the last 60 s", device_.peak_exact ? "" : "at least ",
                        bytes(device_.peak_bytes), bytes(device_.peak_15s_bytes), bytes(device_.peak_60s_bytes)));
        add(fmt::format("so far {} of {}, {} of {}", format_count(device_.allocations_total(), "allocation"),
                        bytes(device_.allocated_bytes_total()), format_count(device_.deallocations_total(), "free"),
                        bytes(device_.deallocated_bytes_total())));
    }

    void add_peak(const stats::AtPeak& peak) {
        add(fmt::format("At the peak of {}{} ({}):", peak.exact ? "" : "at least ", bytes(peak.bytes),
                        when(peak.time_unix_ns)),
            Tone::notice);
        for (const stats::PeakHolder& holder : peak.holders) {
            add(fmt::format("{:>14} {:<15} {} {}{}", bytes(holder.bytes), stats::type_name(holder.type),
                            pid_text(holder.pid), holder.comm, holder.ended ? " (ended since)" : ""));
        }
        if (peak.rest_bytes != 0) add(fmt::format("{:>14} the rest", bytes(peak.rest_bytes)));
    }

    void add_failure(const stats::AllocationFailure& failure) {
        add(fmt::format("Allocation failed: {} of {} for {} {}", bytes(failure.size_bytes),
                        stats::type_name(failure.type), pid_text(failure.pid), failure.comm),
            Tone::critical);
        add(fmt::format("  {}; {} so far", when(failure.time_unix_ns), format_count(failure.count, "failure")));
        if (failure.largest_time_unix_ns == 0) return;
        const char* const when_seen = failure.largest_time_unix_ns < failure.time_unix_ns ? "at an earlier failure" : "then";
        add(failure.largest.empty() ? fmt::format("  no buffer was live {}", when_seen)
                                    : fmt::format("  the largest buffers {}:", when_seen));
        for (const stats::LargeBuffer& buffer : failure.largest) {
            add(fmt::format("{:>14} {:<15} {:#x} of {} {}, {} old", bytes(buffer.size_bytes),
                            stats::type_name(buffer.type), buffer.id, pid_text(buffer.pid), buffer.comm,
                            format_duration(buffer.age_ns)));
        }
    }

    const ScreenInput& input_;
    ByteUnit unit_;
    const stats::Device& device_;
    Panel panel_;
};

}  // namespace

ListModel devices_list(const ScreenInput& input, const UiState& state) {
    ListModel model;
    const std::size_t set = state.settings.of(ViewId::devices).columns;
    const auto devices = sorted_devices(input, state);
    for (const stats::Device* device : devices) add_rows(model, {input, state, *device}, set);
    model.columns = columns_of_set(set, bytes_width(state.settings.unit));
    fit_to_cells(model, 1, 4, 10, 40, state.charset);
    fit_to_cells(model, 2, 4, 8, 15, state.charset);
    const std::size_t hidden = input.snapshot.devices.size() - devices.size();
    if (hidden != 0) {
        model.notes.push_back(fmt::format("{} that never held anything: a shows {}", format_count(hidden, "device"),
                                          hidden == 1 ? "it" : "them"));
    }
    model.when_empty = input.when_empty("no device has held anything yet: start a program with TRACKSHM=1");
    return model;
}

Panel device_panel(const ScreenInput& input, const UiState& state, const std::string& id) {
    const stats::Device* device = device_of(input, id);
    return device == nullptr ? Panel{} : DevicePanel(input, state, *device).make();
}

std::vector<Graph> device_graphs(const ScreenInput& input, const UiState& state, const ListModel& model,
                                 const std::string& id, std::size_t count, std::size_t columns) {
    std::vector<const stats::Device*> devices;  // as the list has them
    for (const ListRow& row : model.rows) {
        const stats::Device* device = device_of(input, row.id);
        if (device != nullptr && (devices.empty() || devices.back() != device)) devices.push_back(device);
    }
    const auto chosen = std::find(devices.begin(), devices.end(), device_of(input, id));
    const auto index = static_cast<std::size_t>(chosen == devices.end() ? 0 : chosen - devices.begin());
    const std::size_t first = count == 0 ? 0 : std::min(index / count * count, devices.size());
    std::vector<Graph> graphs;
    for (std::size_t i = first; i < devices.size() && graphs.size() < count; ++i) {
        graphs.push_back(device_graph(input, state, *devices[i], columns));
    }
    return graphs;
}

}  // namespace trackshm::tools
