// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/keys.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "tools/screens.hpp"

namespace trackshm::tools {
namespace {

// More processes than a small screen has rows; pid 100 + i holds 1000 - i bytes.
stats::Snapshot many_processes() {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.processes.clear();
    for (int i = 0; i < 50; ++i) {
        stats::Process one = process(100 + i, "worker" + std::to_string(i));
        add_usage(one, 0, dram, static_cast<std::uint64_t>(1000 - i), 1);
        snapshot.processes.push_back(one);
    }
    return snapshot;
}

TEST_CASE("q, F10 and Esc quit") {
    TestScreen screen;
    CHECK(screen.press('q') == Effect::quit);
    CHECK(screen.press(Key::f10) == Effect::quit);
    CHECK(screen.press(Key::escape) == Effect::quit);
    CHECK(screen.press('x') == Effect::none);
}

TEST_CASE("Esc closes what is open about a row before it quits") {
    TestScreen screen;
    screen.press(Key::enter);
    CHECK(screen.press(Key::escape) == Effect::none);
    CHECK_FALSE(screen.state.detail);
    CHECK(screen.press(Key::escape) == Effect::quit);
    screen.press(Key::enter);
    screen.press('3');  // has none
    CHECK(screen.press(Key::escape) == Effect::quit);
    screen.press(Key::enter);
    CHECK(screen.state.message == "these rows say all there is to say");
    CHECK(screen.state.detail);
}

TEST_CASE("Tab and the numbers choose the view") {
    TestScreen screen;
    for (const ViewId view : {ViewId::processes, ViewId::buffers, ViewId::exited, ViewId::sizes, ViewId::devices}) {
        screen.press(Key::tab);
        CHECK(screen.state.view == view);
    }
    screen.press(Key::back_tab);
    CHECK(screen.state.view == ViewId::sizes);
    for (int i = 0; i < 5; ++i) {
        screen.press(static_cast<char>('1' + i));
        CHECK(screen.state.view == static_cast<ViewId>(i));
    }
    screen.press('6');
    CHECK(screen.state.view == ViewId::sizes);
}

TEST_CASE("arrows and pages move the selection, and the list follows") {
    TestScreen screen(ViewId::processes, many_processes());
    const ListModel model = list_of(screen.input, screen.state);
    const std::size_t page = lay_out(screen.size, screen.input, screen.state, model).page_rows();
    REQUIRE(page < 30);
    CHECK(screen.selected_id() == "100:100");
    screen.press('j');
    screen.press(Key::down);
    CHECK(screen.selected_id() == "102:102");
    screen.press('k');
    screen.press(Key::up);
    screen.press(Key::up);
    CHECK(screen.selected_id() == "100:100");
    screen.press(Key::page_down);
    CHECK(screen.state.position().selected == page);
    CHECK(screen.shows("worker" + std::to_string(page)));
    screen.press(Key::end);
    CHECK(screen.selected_id() == "149:149");
    CHECK(screen.shows("worker49"));
    CHECK_FALSE(screen.shows("worker0 "));
    screen.press(Key::page_up);
    CHECK(screen.state.position().selected == 49 - page);
    screen.press(Key::home);
    CHECK(screen.selected_id() == "100:100");
    CHECK(screen.shows("worker0 "));
}

TEST_CASE("a selection stays on its process, the start of a list where it is") {
    TestScreen screen(ViewId::processes, many_processes());
    screen.input.snapshot.processes[5].live_bytes = 5000;
    CHECK(screen.selected_id() == "105:105");  // nothing was chosen: the first, whichever that is
    screen.press(Key::down);
    CHECK(screen.selected_id() == "100:100");
    screen.input.snapshot.processes[0].live_bytes = 0;
    CHECK(screen.selected_id() == "100:100");
    CHECK(screen.state.position().selected == 49);
}

TEST_CASE("searching goes to the row as it is typed, and on with n and F3") {
    TestScreen screen(ViewId::processes, many_processes());
    screen.press('/');
    screen.type("worker3");
    CHECK(screen.selected_id() == "103:103");
    CHECK(screen.shows("Search: worker3"));
    screen.press(Key::f3);
    CHECK(screen.selected_id() == "130:130");
    screen.press(Key::enter);
    CHECK_FALSE(screen.state.prompt);
    screen.press('n');
    CHECK(screen.selected_id() == "131:131");
    screen.press(Key::f3);
    screen.type("q");
    CHECK(screen.shows("Search: q  'q' is not in this list"));
    screen.press(Key::escape);
    CHECK(screen.state.search == "worker3");
    CHECK(screen.press('x') == Effect::none);
}

TEST_CASE("a search in vain says so and leaves everything as it was") {
    TestScreen screen(ViewId::processes, many_processes());
    screen.press(Key::down);
    screen.press('/');
    screen.type("worker3");
    CHECK(screen.selected_id() == "103:103");
    screen.type("x");
    CHECK(screen.selected_id() == "101:101");
    screen.press(Key::enter);
    CHECK(screen.state.message == "'worker3x' is not in this list");
    CHECK(screen.selected_id() == "101:101");
    CHECK(screen.state.search.empty());
    CHECK_FALSE(screen.state.prompt);
}

TEST_CASE("a filter leaves the rows with its text, until it is emptied") {
    TestScreen screen(ViewId::processes, many_processes());
    screen.press('\\');
    screen.type("worker4");
    CHECK(list_of(screen.input, screen.state).rows.size() == 11);
    screen.press(Key::backspace);
    CHECK(list_of(screen.input, screen.state).rows.size() == 50);
    screen.type("49");
    screen.press(Key::enter);
    CHECK(list_of(screen.input, screen.state).rows.size() == 1);
    CHECK(screen.shows("filter: worker49"));
    screen.press(Key::f4);
    screen.type("z");
    CHECK(screen.shows("nothing here passes the filter"));
    screen.press(Key::escape);
    CHECK(screen.state.filter == "worker49");
    screen.press(Key::f4);
    screen.press(Key::erase_line);
    screen.press(Key::enter);
    CHECK(screen.state.filter.empty());
    CHECK(list_of(screen.input, screen.state).rows.size() == 50);
}

TEST_CASE("the end of a long prompt is in sight") {
    TestScreen screen;
    screen.press(Key::f4);
    screen.type(std::string(100, 'x') + "END");
    CHECK(screen.shows("xxxEND"));
    CHECK(screen.shows("Filter: ~xxx"));
}

TEST_CASE("keys of a prompt are text, and characters are erased as a whole") {
    TestScreen screen;
    screen.press('\\');
    screen.press('q');
    screen.press({Key::character, U'\u00FC'});
    screen.press({Key::character, U'\U0001F427'});
    CHECK(screen.state.filter == "q\xC3\xBC\xF0\x9F\x90\xA7");
    screen.press(Key::backspace);
    CHECK(screen.state.filter == "q\xC3\xBC");
    screen.press(Key::backspace);
    screen.press(Key::backspace);
    screen.press(Key::backspace);
    CHECK(screen.state.filter.empty());
    for (int i = 0; i < 1000; ++i) screen.press('a');
    CHECK(screen.state.filter.size() <= 200);
}

TEST_CASE("< > and I change the order, F6 chooses it") {
    TestScreen screen(ViewId::processes);
    CHECK(screen.selected_id() == "20:20");
    screen.press('I');
    CHECK(screen.selected_id() == "10:10");
    screen.press('I');
    screen.press('<');
    CHECK(screen.state.message == "sorted by device");
    CHECK(screen.selected_id() == "20:20");
    screen.press('<');
    CHECK(screen.state.message == "sorted by comm");
    screen.press('<');
    screen.press('<');
    CHECK(screen.state.message == "sorted by pid");
    CHECK(screen.selected_id() == "10:10");
    screen.press('>');
    CHECK(screen.state.message == "sorted by user");
    screen.press(Key::f6);
    CHECK(screen.shows("Sort Processes by"));
    screen.press(Key::home);
    screen.press(Key::down);
    screen.press(Key::enter);
    CHECK(screen.state.overlay == Overlay::none);
    CHECK(screen.state.view_settings().sort == 1);
    screen.press(Key::f6);
    screen.press(Key::end);
    screen.press(Key::escape);
    CHECK(screen.state.view_settings().sort == 1);
}

TEST_CASE("t, g, m, e, a and Enter change what is shown") {
    TestScreen screen(ViewId::processes);
    screen.press('t');
    CHECK(screen.state.settings.tree);
    screen.press(Key::f5);
    CHECK_FALSE(screen.state.settings.tree);
    screen.press('m');
    CHECK(screen.state.message == "columns: devices");
    screen.press('m');
    screen.press('m');
    CHECK(screen.state.message == "columns: memory");
    screen.press('e');
    CHECK(screen.state.settings.unit == ByteUnit::bytes);
    screen.size.columns = 120;
    CHECK(screen.shows("0:DRAM 314572800"));
    screen.press('g');
    CHECK(screen.state.message == "graphs are in the view of devices");
    CHECK(screen.state.settings.graph == GraphStep::off);
    screen.press('1');
    CHECK_FALSE(screen.shows("     9"));
    screen.press('a');
    CHECK(screen.shows("     9"));
    screen.press(Key::enter);
    CHECK(screen.shows("Device 0 mesh (0,1)"));
    screen.press(Key::enter);
    CHECK_FALSE(screen.shows("Device 0 mesh (0,1)"));
    screen.press('g');
    CHECK(screen.state.settings.graph == GraphStep::second);
    screen.press('3');
    screen.press('m');
    CHECK(screen.state.message == "this view has one set of columns");
}

TEST_CASE("p and Space pause, + and - change the pace") {
    TestScreen screen;
    CHECK(screen.press('p') == Effect::pause_changed);
    CHECK(screen.state.paused);
    CHECK(screen.shows("PAUSED"));
    CHECK(screen.press(' ') == Effect::pause_changed);
    CHECK_FALSE(screen.state.paused);
    screen.press('+');
    CHECK(screen.state.settings.refresh_ms == 500);
    screen.press('-');
    screen.press('-');
    CHECK(screen.state.settings.refresh_ms == 2000);
}

TEST_CASE("a recording can be moved in, the present cannot") {
    TestScreen screen;
    CHECK(screen.press('[') == Effect::none);
    CHECK(screen.state.message == "[ ] { } move in a recording; this is now");
    screen.input.can_seek = true;
    CHECK(screen.press('[') == Effect::seek_back);
    CHECK(screen.press(']') == Effect::seek_on);
    CHECK(screen.press('{') == Effect::slower);
    CHECK(screen.press('}') == Effect::faster);
    CHECK(screen.state.message.empty());
}

TEST_CASE("the help opens and closes") {
    for (const Key& key : {Key{Key::f1}, Key{Key::character, 'h'}, Key{Key::character, '?'}}) {
        TestScreen screen;
        screen.press(key);
        CHECK(screen.shows("Tab 1..5"));
        screen.press(Key::down);
        CHECK_FALSE(screen.shows("Tab 1..5"));
        CHECK(screen.press(Key::escape) == Effect::none);
        CHECK(screen.state.overlay == Overlay::none);
    }
}

TEST_CASE("options act at once, Esc takes them back, s saves them") {
    TestScreen screen;
    screen.press(Key::f2);
    screen.press(Key::down);
    screen.press(Key::right);
    CHECK(screen.state.settings.unit == ByteUnit::bytes);
    CHECK(screen.shows("Sizes in                        bytes"));
    screen.press(Key::left);
    screen.press(Key::left);
    CHECK(screen.state.settings.unit == ByteUnit::gib);
    screen.press(Key::escape);
    CHECK(screen.state.settings.unit == ByteUnit::automatic);
    CHECK(screen.state.overlay == Overlay::none);
    screen.press(Key::f2);
    screen.press('+');
    CHECK(screen.press('s') == Effect::save_settings);
    CHECK(screen.state.overlay == Overlay::none);
    CHECK(screen.state.settings.refresh_ms == 2000);
}

TEST_CASE("every option can be changed both ways, and yellow never begins after red") {
    TestScreen screen(ViewId::processes);
    screen.press(Key::f2);
    for (std::size_t item = 0; item < 10; ++item) {
        CAPTURE(item);
        const Settings before = screen.state.settings;
        screen.press(Key::right);
        CHECK_FALSE(screen.state.settings == before);
        screen.press(Key::left);
        CHECK(screen.state.settings == before);
        screen.press(Key::down);
    }
    screen.press(Key::home);
    screen.press(Key::down);
    screen.press(Key::down);
    for (int i = 0; i < 20; ++i) screen.press(Key::right);
    CHECK(screen.state.settings.warning_percent == 90);
    screen.press(Key::down);
    for (int i = 0; i < 40; ++i) screen.press(Key::left);
    CHECK(screen.state.settings.critical_percent == 90);
}

TEST_CASE("any keys in any order leave a screen that can be drawn, and a row selected that is there") {
    const auto seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random(seed);
    TestScreen screen(ViewId::processes, many_processes());
    screen.input.can_seek = true;
    screen.state.charset = Charset::unicode;
    for (int i = 0; i < 5000; ++i) {
        Key key{static_cast<Key::Name>(random() % (Key::other + 1)), 0};
        if (random() % 2 == 0) key.name = Key::character;
        if (key.name == Key::character) key.code = random() % 8 == 0 ? random() % 0x110000 : ' ' + random() % 95;
        screen.press(key);
        if (random() % 20 == 0) screen.size = {1 + random() % 60, 1 + random() % 200};
        if (random() % 50 == 0) screen.input.snapshot = random() % 2 == 0 ? sample_snapshot() : many_processes();
        const Canvas canvas = screen.canvas();
        REQUIRE(canvas.size().rows == screen.size.rows);
        const std::size_t rows = list_of(screen.input, screen.state).rows.size();
        REQUIRE(screen.state.position().selected < std::max<std::size_t>(rows, 1));
        REQUIRE(screen.state.settings.warning_percent <= screen.state.settings.critical_percent);
    }
}

}  // namespace
}  // namespace trackshm::tools
