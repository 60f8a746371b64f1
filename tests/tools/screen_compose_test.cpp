// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/compose.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shmtop/filter.hpp"
#include "shmtop/screen/help.hpp"
#include "shmtop/summary.hpp"
#include "tools/screens.hpp"

namespace trackshm::tools {
namespace {

using Lines = std::vector<std::string>;

constexpr std::uint64_t second_ns = 1'000'000'000;

Lines some(const Lines& lines, std::size_t first, std::size_t count) {
    return {lines.begin() + static_cast<std::ptrdiff_t>(first), lines.begin() + static_cast<std::ptrdiff_t>(first + count)};
}

void give_buffers(TestScreen& screen) {
    auto top = std::make_shared<TopBuffers>();
    top->buffers = {{{0x10, 200 * MiB, 1, 0, dram, 5 * second_ns}, 20, 0, "big"},
                    {{0x20, 100 * MiB, 2, 3, dram, 7 * second_ns}, 10, 0, "small"}};
    top->buffers_seen = 5;
    top->bytes_seen = 410 * MiB;
    top->time_unix_ns = screen.input.snapshot.time_unix_ns - 2 * second_ns;
    top->duration_ns = 3'000'000;
    screen.input.extras.buffers = top;
}

TEST_CASE("80x24 shows head, views, devices and keys") {
    TestScreen screen;
    const Lines lines = screen.lines();
    REQUIRE(lines.size() == 24);
    CHECK(lines[0].find("trackshm test  ") == 0);
    CHECK(lines[0].find("  aggregator 99  exact") != std::string::npos);
    CHECK(lines[1] == "410.0 MiB live in 5 buffers, 2 processes tracked, 5 events applied");
    CHECK(lines[2] == "pending 0   dropped 0   unknown frees 0");
    CHECK(lines[3] == "[1 Devices] 2 Processes  3 Buffers  4 Exited  5 Sizes");
    CHECK(some(lines, 4, 5) ==
          Lines{"1 device that never held anything: a shows it",
                "DEVICEv NAME       TYPE                   LIVE  CAPACITY USED BUFFERS       PEAK",
                "      0 mesh (0,1) DRAM [###-------] 300.0 MiB  1000 MiB  30%       3  300.0 MiB",
                "      0            L1                 10.0 MiB                      1   10.0 MiB",
                "      3            DRAM              100.0 MiB                      1  100.0 MiB"});
    CHECK(lines[23] == "F1Help F2Options F3Search F4Filter F6Sort EnterDetail pPause F10Quit");
}

TEST_CASE("on 80 columns long names are cut before a column goes") {
    TestScreen screen;
    screen.input.snapshot.devices[0].name = "accelerator-0000:3b:00.0";
    screen.input.snapshot.devices[0].types[1].type = *stats::parse_type("CIRCULAR_BUFFER");
    for (const char* title : {"NAME", "LIVE", "CAPACITY", "USED", "BUFFERS", "PEAK"}) {
        CAPTURE(title);
        CHECK(screen.shows(title));
    }
    CHECK(screen.shows("accelerat~"));
    TestScreen buffers(ViewId::buffers);
    give_buffers(buffers);
    auto top = *buffers.input.extras.buffers;
    top.buffers[0].buffer.type = *stats::parse_type("CIRCULAR_BUFFER");
    top.buffers[0].buffer.id = ~0ull;
    top.buffers[0].comm = "a-long-command";
    buffers.input.extras.buffers = std::make_shared<TopBuffers>(top);
    for (const char* title : {"SIZE", "ID", "DEVICE", "TYPE", "PID", "COMMAND", "AGE", "0xffffffffffffffff", "5 s"}) {
        CAPTURE(title);
        CHECK(buffers.shows(title));
    }
}

TEST_CASE("more columns come with a wider screen, other sets with m") {
    TestScreen screen;
    screen.size = {60, 200};
    CHECK(screen.shows("ALLOCS/s   BYTES/s"));
    CHECK(screen.shows("every 1000 ms"));
    screen.press('m');
    CHECK(screen.shows("FREES/s   FREED/s      LIVE  PEAK 15s  PEAK 60s"));
    screen.press('m');
    CHECK(screen.shows("ALLOCS ALLOCATED       FREES     FREED FAILURES     GAUGE"));
}

TEST_CASE("rates are those of what was seen") {
    TestScreen screen;
    screen.size.columns = 120;
    stats::Snapshot later = screen.input.snapshot;
    later.time_unix_ns += second_ns;
    later.devices[0].types[0].allocations_total += 1500;
    later.devices[0].types[0].allocated_bytes_total += 3 * MiB;
    screen.input.history.add(screen.input.snapshot);
    screen.input.history.add(later);
    screen.input.snapshot = later;
    CHECK(screen.shows("300.0 MiB     1.5k   3.0 MiB"));
}

TEST_CASE("processes come with where they hold what") {
    TestScreen screen(ViewId::processes);
    screen.size.columns = 100;
    screen.input.snapshot.processes[1].exact = false;
    screen.input.snapshot.processes[1].events.dropped = 1;
    const Lines lines = screen.lines();
    CHECK(lines[3] == " 1 Devices [2 Processes] 3 Buffers  4 Exited  5 Sizes");
    CHECK(some(lines, 4, 4) ==
          Lines{"~ not exact: events were lost or rejected",
                "    PID USER       COMMAND             LIVEv BUFFERS       PEAK WHERE",
                "     20 root     ~ big             310.0 MiB       4  310.0 MiB 0:DRAM 300.0 MiB, 0:L1 10.0 MiB",
                "     10 root       small           100.0 MiB       1  100.0 MiB 3:DRAM 100.0 MiB"});
    CHECK(screen.style_of("big").tone == Tone::warning);
}

TEST_CASE("processes can be shown by device and type, by events and as a tree") {
    TestScreen screen(ViewId::processes);
    screen.press('m');
    CHECK(screen.shows("     20 root       big                  0 L1    10.0 MiB       1   10.0 MiB"));
    screen.input.snapshot.processes[0].events.dropped = 4;
    screen.press('m');
    CHECK(screen.style_of("4").tone == Tone::normal);
    CHECK(screen.shows("     10   small                    0          0       0         0       4"));
    screen.press('m');
    screen.press('t');
    screen.input.extras.parents = {{20, 10}};
    CHECK(screen.shows("     20 root       `- big"));
}

TEST_CASE("what processes hold by device and type is sorted by itself") {
    TestScreen screen(ViewId::processes);
    screen.press('m');
    const auto place_of = [&](const std::string& row) { return screen.text().find(row); };
    const auto order = [&](const char* first, const char* second, const char* third) {
        return place_of(first) < place_of(second) && place_of(second) < place_of(third) && place_of(third) != std::string::npos;
    };
    CHECK(order("0 DRAM ", "3 DRAM ", "0 L1 "));  // 300, 100 and 10 MiB
    screen.press('I');
    CHECK(order("0 L1 ", "3 DRAM ", "0 DRAM "));
    screen.press('I');
    screen.press('<');  // around: by device and type
    CHECK(screen.shows("DEVICEv"));
    CHECK(order("0 DRAM ", "0 L1 ", "3 DRAM "));
}

TEST_CASE("the panel of a process has its events and all it holds") {
    TestScreen screen(ViewId::processes);
    screen.press(Key::enter);
    CHECK(screen.shows("Process 20 big"));
    CHECK(screen.shows("  user root, live 310.0 MiB in 4 buffers, peak 310.0 MiB"));
    CHECK(screen.shows("  reported 0 = applied 0 + pending 0 + coalesced 0 + dropped 0"));
    CHECK(screen.shows("  300.0 MiB on device 0 DRAM, 3 buffers, peak 300.0 MiB"));
}

TEST_CASE("the buffers view tells when and how completely it was looked") {
    TestScreen screen(ViewId::buffers);
    screen.input.extras.why_no_buffers = "looking for the largest buffers ..";
    CHECK(screen.shows("looking for the largest buffers .."));
    give_buffers(screen);
    screen.size.columns = 100;
    const Lines lines = screen.lines();
    CHECK(some(lines, 4, 4) ==
          Lines{"the largest 2 of 5 live buffers, 410.0 MiB in all, seen 2 s ago in 3 ms",
                "    SIZEv     ID DEVICE TYPE       PID USER     COMMAND    AGE",
                "200.0 MiB   0x10      0 DRAM        20 root     big        5 s",
                "100.0 MiB   0x20      3 DRAM        10 root     small      7 s"});
    screen.press('>');
    CHECK(screen.selected_id() == "10/2");
}

TEST_CASE("what may not be read or changes is said in words") {
    TestScreen screen(ViewId::buffers);
    give_buffers(screen);
    auto top = std::make_shared<TopBuffers>(*screen.input.extras.buffers);
    top->unreadable_tables = 2;
    top->changing_tables = 1;
    top->foreign_tables = 1;
    screen.input.extras.buffers = top;
    CHECK(screen.shows("permission denied: 2 process tables left out"));
    CHECK(screen.shows("1 process table of another layout version left out"));
    CHECK(screen.shows("1 process table changed while it was looked at"));
}

TEST_CASE("exited processes come with what they leaked and how they ended") {
    TestScreen screen(ViewId::exited);
    CHECK(screen.shows("  AGOv     PID USER     COMMAND            LEAKED BUFFERS      PEAK END"));
    CHECK(screen.shows("  12 s       5 root     gone                  7 B       1       0 B killed/_exit"));
    CHECK(screen.style_of("killed").tone == Tone::warning);
    CHECK(screen.shows("2 ended in all, leaking 14 B in 2 buffers"));
    screen.input.snapshot.exited[0].called_exec = true;
    CHECK(screen.style_of("called exec").tone == Tone::normal);
    screen.input.snapshot.exited[0].called_exec = false;
    screen.input.snapshot.exited[0].clean = true;
    CHECK(screen.shows("exited"));
    screen.input.snapshot.exited.clear();
    CHECK(screen.shows("no tracked process has ended yet"));
}

TEST_CASE("what does not pass the options' filter is not said not to be there") {
    for (const ViewId view : {ViewId::devices, ViewId::processes, ViewId::exited, ViewId::sizes}) {
        TestScreen screen(view);
        screen.input.filter.text = "-d 200 -p 1";
        screen.input.snapshot.devices.clear();
        screen.input.snapshot.processes.clear();
        screen.input.snapshot.exited.clear();
        CHECK(screen.shows("nothing here passes -d 200 -p 1"));
        CHECK(screen.lines()[1].starts_with("only -d 200 -p 1: "));
    }
}

TEST_CASE("help and footer promise nothing that is cut off or not there") {
    for (const std::string_view line : help_lines()) CHECK(line.size() <= 80);
    for (const auto& [view, has_detail] : {std::pair(ViewId::devices, true), {ViewId::processes, true},
                                           {ViewId::buffers, false}, {ViewId::exited, false}, {ViewId::sizes, false}}) {
        TestScreen screen(view);
        CHECK(screen.shows("EnterDetail") == has_detail);
    }
}

TEST_CASE("sizes are added up over devices, with bars on a logarithmic scale") {
    TestScreen screen(ViewId::sizes);
    CHECK(screen.shows("no sizes are known"));
    stats::DeviceDetails zero;
    zero.device = 0;
    zero.types = {{dram, {{4096, 999, 9}, {std::uint64_t{1} << 30, 9, 0}}}};
    stats::DeviceDetails three = zero;
    three.device = 3;
    three.types = {{dram, {{4096, 1000, 0}}}};
    screen.input.extras.details.devices = {zero, three};
    CHECK(screen.shows("TYPE             SIZEv       LIVE                     ALLOCATED"));
    CHECK(screen.shows("DRAM     up to 4.0 KiB          9 [####----------]         1999 [##############]"));
    CHECK(screen.shows("DRAM     up to 1.0 GiB          0 [--------------]            9 [####----------]"));
    screen.press('>');
    screen.press('I');
    CHECK(screen.selected_id() == "0/1073741824");
}

TEST_CASE("the panel of a device tells who held what at its peak, and what was in the way of an allocation") {
    TestScreen screen;
    screen.size = {40, 110};
    const std::uint64_t now_ns = screen.input.snapshot.time_unix_ns;
    stats::DeviceDetails details;
    details.device = 0;
    details.at_peak = stats::AtPeak{now_ns - 60 * second_ns, 400 * MiB, true, {{20, "big", dram, 390 * MiB, true}}, 10 * MiB};
    details.last_failure =
        stats::AllocationFailure{now_ns - 5 * second_ns, 900 * MiB, dram, 10, "small", 3,
                                 {{0x77, 200 * MiB, dram, 20, "big", 8 * second_ns}}, now_ns - 5 * second_ns, 0};
    screen.input.extras.details.devices = {details};
    screen.press(Key::enter);
    CHECK(screen.shows("At the peak of 400.0 MiB ("));
    CHECK(screen.shows("390.0 MiB DRAM            20 big (ended since)"));
    CHECK(screen.shows("10.0 MiB the rest"));
    CHECK(screen.shows("Allocation failed: 900.0 MiB of DRAM for 10 small"));
    CHECK(screen.shows("3 failures so far"));
    CHECK(screen.shows("200.0 MiB DRAM            0x77 of 20 big, 8 s old"));
    CHECK(screen.style_of("Allocation failed").tone == Tone::critical);
    screen.input.extras.details.devices[0].last_failure->largest.clear();
    CHECK(screen.shows("no buffer was live then"));
    CHECK_FALSE(screen.shows("the largest buffers then"));
}

TEST_CASE("graphs stand between the list and the panel, where there is room for all") {
    TestScreen screen;
    screen.state.settings.graph = GraphStep::second;
    screen.input.history.add(screen.input.snapshot);
    screen.press(Key::enter);
    const Lines lines = screen.lines();
    const auto row_with = [&](const std::string& part) {
        for (std::size_t row = 0; row < lines.size(); ++row) {
            if (lines[row].find(part) != std::string::npos) return row;
        }
        FAIL("not on the screen: " << part);
        return lines.size();
    };
    CHECK(row_with("  3            DRAM") < row_with("0 mesh (0,1) 310.0 MiB, top"));
    CHECK(row_with("0 mesh (0,1) 310.0 MiB, top") < row_with("Device 0 mesh (0,1)"));
    screen.size.rows = 12;
    CHECK(screen.shows("Device 0 mesh (0,1)"));
    CHECK_FALSE(screen.shows("0 mesh (0,1) 310.0 MiB, top"));
}

TEST_CASE("a panel that does not fit is scrolled, and begins anew with another row") {
    TestScreen screen;
    for (std::uint32_t device = 10; device < 50; ++device) {
        add_usage(screen.input.snapshot.processes[1], device, dram, MiB, 1);
    }
    screen.state.view = ViewId::processes;
    screen.press(Key::enter);
    CHECK(screen.shows("Process 20 big  (lines 1-"));
    CHECK(screen.shows("user root, live"));
    for (int i = 0; i < 20; ++i) screen.press(Key::right);
    CHECK(screen.shows("on device 49 DRAM"));
    CHECK_FALSE(screen.shows("user root, live"));
    screen.press(Key::left);
    CHECK_FALSE(screen.shows("on device 49 DRAM"));
    screen.press(Key::down);
    CHECK(screen.shows("user root, live 100.0 MiB"));
    screen.press(Key::up);
    CHECK(screen.shows("user root, live 350.0 MiB"));
}

TEST_CASE("the graph begins with what the aggregator remembers and ends now") {
    TestScreen screen;
    screen.state.settings.graph = GraphStep::second;
    screen.input.snapshot.devices.resize(1);
    screen.input.history.add(screen.input.snapshot);
    screen.size = {24, 60};
    const std::uint64_t now_ns = screen.input.snapshot.time_unix_ns;
    stats::DeviceDetails details;
    details.device = 0;
    for (std::uint64_t ago = 20; ago > 0; --ago) {
        details.seconds.push_back({now_ns - ago * second_ns, 155 * MiB, ago == 10 ? 620 * MiB : 155 * MiB, 0, 0, 0});
    }
    screen.input.extras.details.devices = {details};
    const Lines lines = screen.lines();
    const std::string bottom = lines[22];
    CHECK(screen.shows("0 mesh (0,1) 310.0 MiB, top 620.0 MiB"));
    CHECK(bottom.substr(bottom.find('#')) == std::string(21, '#'));
    std::size_t at_top = 0;
    for (const std::string& line : lines) at_top += line.find_first_not_of(' ') != std::string::npos && line.find_first_not_of(" #") == std::string::npos;
    CHECK(at_top >= 8);  // rows of the graph, which the peak reaches all of
    screen.press('g');
    CHECK(screen.shows("10s"));
}

TEST_CASE("the graph is of the whole device, and says so where a part of it is listed") {
    TestScreen screen;
    screen.state.settings.graph = GraphStep::second;
    screen.input.history.add(screen.input.snapshot);
    Filter filter;
    std::string problem;
    REQUIRE(add_types(filter, {"L1"}, problem));
    apply_filter(filter, screen.input.snapshot);
    CHECK(screen.shows("L1"));
    CHECK_FALSE(screen.shows("300.0 MiB"));
    const std::uint64_t now_ns = screen.input.snapshot.time_unix_ns;
    stats::DeviceDetails past;
    past.seconds = {{now_ns - 2 * second_ns, 310 * MiB, 310 * MiB, 0, 0, 0},
                    {now_ns - second_ns, 310 * MiB, 310 * MiB, 0, 0, 0}};
    screen.input.extras.details.devices = {past};
    const std::string text = screen.text();
    const std::size_t title = text.find("0 mesh (0,1) whole device 310.0 MiB, top 310.0 MiB, 1s");
    REQUIRE(title != std::string::npos);
    const std::string top_row = text.substr(text.find('\n', title) + 1);
    CHECK(top_row.substr(0, top_row.find('\n')).ends_with(" ###"));  // now as high as before
}

TEST_CASE("memories are green, yellow from 75 and red from 90 percent on, or as the options have it") {
    TestScreen screen;
    CHECK(screen.style_of("[###").tone == Tone::good);
    screen.input.snapshot.devices[0].types[0].live_bytes = 750 * MiB;
    CHECK(screen.style_of("[###").tone == Tone::warning);
    screen.input.snapshot.devices[0].types[0].live_bytes = 900 * MiB;
    CHECK(screen.style_of("[###").tone == Tone::critical);
    screen.input.snapshot.devices[0].types[0].live_bytes = 2000 * MiB;
    CHECK(screen.style_of("[###").tone == Tone::critical);
    screen.input.snapshot.devices[0].types[0].live_bytes = 500 * MiB;
    screen.state.settings.warning_percent = 50;
    CHECK(screen.style_of("[###").tone == Tone::warning);
}

TEST_CASE("what is wrong is said in words at the head, the worst first") {
    TestScreen screen;
    screen.input.snapshot.exact = false;
    screen.input.snapshot.events.dropped = 4;
    screen.input.snapshot.events.unknown_frees = 2;
    CHECK(screen.style_of("NOT EXACT").tone == Tone::critical);
    CHECK(screen.style_of("dropped 4").tone == Tone::critical);
    CHECK(screen.shows("4 dropped: events were lost"));
    CHECK(screen.shows("2 unknown frees: buffers were freed twice"));
    screen.input.snapshot.devices[0].types[0].allocation_failures_total = 1;
    CHECK(screen.shows("allocation failures 1"));
    CHECK(screen.shows("1 allocation failure on device 0: Enter shows the last"));
    screen.input.snapshot.aggregator_alive = false;
    screen.input.snapshot.publish_age_ns = 12 * second_ns;
    CHECK(screen.lines()[1] == "THE AGGREGATOR IS GONE: figures are 12 s old; start shm_aggregator again");
    CHECK(screen.style_of("THE AGGREGATOR").tone == Tone::critical);
    CHECK(screen.style_of("aggregator 99 GONE").tone == Tone::critical);
    screen.input.snapshot.exact = true;
    CHECK(screen.shows("GONE  was exact"));
    screen.input.snapshot.aggregator_alive = true;
    screen.input.snapshot.heartbeat_age_ns = 9 * second_ns;
    CHECK(screen.shows("The aggregator has not moved for 9 s"));
}

TEST_CASE("what is wrong is said within 80 columns") {
    TestScreen screen;
    stats::Snapshot& snapshot = screen.input.snapshot;
    constexpr std::uint64_t many = 99'999;
    snapshot.events = {.dropped = many, .unknown_frees = many, .implicit_frees = many, .rejected = many};
    snapshot.quarantined_processes = snapshot.waiting_processes = 1024;
    snapshot.devices[0].types[0].allocation_failures_total = many;
    snapshot.processes[0].starved = true;
    snapshot.processes[1].exact = false;
    screen.size = {24, 80};
    const Lines lines = screen.lines();
    CHECK(lines[2] == "pending 0   dropped 99999   unknown frees 99999   quarantined processes 1024");
    CHECK(lines[3].starts_with("waiting processes 1024   starved processes 1   "));
    const std::vector<Irregularity> all = irregularities(snapshot);
    CHECK(all.size() >= 8);
    for (const Irregularity& one : all) {
        CAPTURE(one.name);
        CHECK(fmt::format("{} {}{}: {}", one.count, one.name, one.where, one.meaning).size() <= 80);
    }
}

TEST_CASE("why figures are not exact is said where nothing was lost") {
    TestScreen screen;
    screen.input.snapshot.exact = false;
    screen.input.snapshot.processes[0].exact = false;
    CHECK(screen.shows("1 process not exact: what they reported before is not known here: --fresh?"));
    screen.input.snapshot.processes[0].starved = true;
    CHECK(screen.shows("1 starved process: events wait for room in /dev/shm: enlarge it"));
    CHECK_FALSE(screen.shows("not known here"));
}

TEST_CASE("health is in sight however long the name of the namespace is") {
    TestScreen screen;
    screen.input.snapshot.name_space = std::string(32, 'n');
    screen.input.snapshot.aggregator_pid = 4194304;
    screen.input.snapshot.start_count = 1000;
    screen.state.paused = true;
    CHECK(screen.lines()[0] == "trackshm nnnnnnnnnnnnnnnnnnnnnn~  aggregator 4194304 (start 1000)  exact  PAUSED");
    screen.input.snapshot.exact = false;
    screen.input.snapshot.aggregator_alive = false;
    CHECK(screen.lines()[0].find("GONE  NOT EXACT  PAUSED") != std::string::npos);
    screen.size.columns = 120;
    const std::string wide = screen.lines()[0];
    CHECK(wide.find("trackshm " + screen.input.snapshot.name_space + "  ") == 0);
    CHECK(std::count(wide.begin(), wide.end(), ':') == 2);  // the time of day
}

TEST_CASE("a recording says so at the head") {
    TestScreen screen;
    screen.input.source_status = "replay 0:12 of 3:40, 2x";
    CHECK(screen.shows("aggregator 99  exact  replay"));
    screen.input.can_seek = true;
    screen.state.paused = true;
    CHECK(screen.lines()[0].find("  exact  PAUSED  replay 0:12 of 3:40, 2x") != std::string::npos);
    CHECK_FALSE(screen.shows("aggregator 99"));
}

TEST_CASE("escape sequences and wide characters in names do no harm") {
    TestScreen screen(ViewId::processes);
    screen.state.charset = Charset::unicode;
    screen.input.snapshot.processes[0].comm = "\x1B[31mred";
    screen.input.snapshot.processes[1].comm = "\xE4\xB8\xAD\xE6\x96\x87";
    screen.input.snapshot.devices[0].name = "\x1B]0;title\x07";
    for (const ViewId view : {ViewId::devices, ViewId::processes}) {
        screen.state.view = view;
        CHECK(screen.text().find('\x1B') == std::string::npos);
        CHECK(screen.text().find('\x07') == std::string::npos);
    }
    // Two columns each: what follows stays in its column.
    CHECK(screen.shows("\xE4\xB8\xAD\xE6\x96\x87            310.0 MiB"));
}

TEST_CASE("without Unicode the screen is ASCII throughout") {
    TestScreen screen;
    screen.state.settings.graph = GraphStep::second;
    screen.input.history.add(screen.input.snapshot);
    screen.input.snapshot.devices[0].name = "gr\xC3\xBC\xC3\x9F";
    give_buffers(screen);
    for (std::size_t view = 0; view < view_count; ++view) {
        screen.state.view = static_cast<ViewId>(view);
        for (const char c : screen.text()) REQUIRE(static_cast<unsigned char>(c) < 0x80);
    }
}

TEST_CASE("every view and overlay fits every size, however small") {
    TestScreen screen;
    give_buffers(screen);
    screen.state.charset = Charset::unicode;
    screen.state.settings.graph = GraphStep::second;
    screen.input.history.add(screen.input.snapshot);
    screen.input.snapshot.devices[0].name = "\xE4\xB8\xAD\xE6\x96\x87\xE4\xB8\xAD";
    for (const std::size_t rows : {1U, 2U, 3U, 4U, 5U, 7U, 10U, 24U, 60U}) {
        for (const std::size_t columns : {1U, 2U, 5U, 11U, 20U, 40U, 80U, 200U}) {
            screen.size = {rows, columns};
            for (std::size_t view = 0; view < view_count; ++view) {
                for (const Overlay overlay : {Overlay::none, Overlay::help, Overlay::options, Overlay::sort}) {
                    for (const bool detail : {false, true}) {
                        screen.state.view = static_cast<ViewId>(view);
                        screen.state.overlay = overlay;
                        screen.state.detail = detail;
                        const Canvas canvas = screen.canvas();
                        for (std::size_t row = 0; row < rows; ++row) {
                            REQUIRE(columns_of(canvas.line(row), Charset::unicode) <= columns);
                        }
                        REQUIRE(canvas.line(0).substr(0, 1) == (columns == 1 ? "~" : "t"));
                    }
                }
            }
        }
    }
}

TEST_CASE("a small screen keeps the list before what helps") {
    TestScreen screen;
    screen.size = {6, 80};
    const Lines lines = screen.lines();
    CHECK(lines[0].find("trackshm test") == 0);
    CHECK(screen.shows("300.0 MiB"));
    screen.size = {3, 80};
    CHECK(screen.shows("300.0 MiB"));
}

}  // namespace
}  // namespace trackshm::tools
