# SPDX-License-Identifier: Apache-2.0
"""Every key, pressed on the real program."""

import unittest

from support import MIB, ScreenTest


class Keys(ScreenTest):
    def setUp(self):
        super().setUp()
        self.aggregator("--quiet")
        self.tracked = self.program()
        for device in range(30):
            self.tracked(f"alloc {device} {(device + 1) * MIB} 0 {device + 1}")
        self.tracked("sync 20000")
        self.terminal = self.shmtop()
        self.terminal.wait_for("[1 Devices]", "F10Quit", " 0 ")

    def press_and_wait(self, keys, *texts):
        self.terminal.press(*keys)
        self.terminal.wait_for(*texts)

    def wait_for_selected(self, first_word):
        self.terminal.wait_until(lambda: (self.terminal.selected_line() or "").split()[:1] == [first_word],
                                 f"row {first_word} to be selected")

    def test_views(self):
        for key, view in (("2", "Processes"), ("3", "Buffers"), ("4", "Exited"), ("5", "Sizes"), ("1", "Devices"),
                          ("tab", "Processes"), ("back_tab", "Devices"), ("back_tab", "Sizes")):
            self.press_and_wait([key], f" {view}]")

    def test_moving_through_the_list(self):
        self.wait_for_selected("0")
        for keys, row in ((["down"], "1"), (["j", "j"], "3"), (["up"], "2"), (["k"], "1"), (["end"], "29"),
                          (["home"], "0")):
            self.terminal.press(*keys)
            self.wait_for_selected(row)
        self.terminal.press("page_down")
        self.terminal.wait_until(lambda: int((self.terminal.selected_line() or "0").split()[0]) > 5, "a page on")
        self.terminal.press("page_up")
        self.wait_for_selected("0")

    def test_searching(self):
        self.press_and_wait(["/", "2", "5", ".", "0"], "Search: 25.0")
        self.wait_for_selected("24")
        self.press_and_wait(["enter", "f3", "7", "."], "Search: 7.")
        self.wait_for_selected("26")  # 27.0 MiB
        self.terminal.press("f3")
        self.wait_for_selected("6")   # 7.0 MiB, around the end
        self.terminal.press("enter", "n")
        self.wait_for_selected("16")  # 17.0 MiB

    def test_filtering(self):
        self.press_and_wait(["\\", "2", "5", ".", "0"], "Filter: 25.0", "filter: 25.0")
        self.terminal.wait_without(" 2.0 MiB")
        self.press_and_wait(["enter"], "F10Quit", "filter: 25.0")
        self.press_and_wait(["f4", "backspace", "backspace", "backspace", "backspace", "enter"], " 2.0 MiB")
        self.terminal.wait_without("filter:")
        self.press_and_wait(["f4", "2", "5"], "filter: 25")
        self.terminal.press("erase_line")
        self.terminal.wait_without("filter: 25")
        self.press_and_wait(["7", "escape"], "F10Quit", " 2.0 MiB")

    def test_sorting(self):
        self.press_and_wait([">"], "sorted by live", "LIVEv")
        self.wait_for_selected("29")
        self.press_and_wait(["I"], "LIVE^")
        self.wait_for_selected("0")
        self.press_and_wait(["<"], "sorted by device", "DEVICE^")
        self.press_and_wait(["f6"], "Sort Devices by")
        self.press_and_wait(["end", "up", "enter"], "BUFFERS^")

    def test_columns_units_and_graph(self):
        self.press_and_wait(["m"], "columns: rates", "FREES/s")
        self.press_and_wait(["m"], "columns: totals", "ALLOCATED")
        self.press_and_wait(["m"], "columns: memory", "PEAK")
        for unit, text in (("bytes", "1048576"), ("KiB", "1024.0 K"), ("MiB", "1.0 M "), ("GiB", "0.0 G"),
                           ("auto", "1.0 MiB")):
            self.press_and_wait(["e"], f"sizes: {unit}", text)
        for step in ("10s", "60s", "off", "1s"):
            self.press_and_wait(["g"], f"graph: {step}")

    def test_devices_that_never_held_anything(self):
        self.tracked("name 40 idle-device")
        self.tracked("sync 20000")
        self.terminal.wait_for("1 device that never held anything")
        self.press_and_wait(["a", "end"], "idle-device")

    def test_pausing(self):
        self.press_and_wait(["p"], "PAUSED")
        self.tracked(f"alloc 0 {100 * MIB} 0 500")
        self.tracked("sync 20000")
        # What a screen that goes on would show long ago: its clock stands still for a second and more.
        clock = self.terminal.lines()[0].split()[2]
        other = self.shmtop()
        other.wait_for("101.0 MiB")
        other.wait_until(lambda: other.lines()[0].split()[2] > clock, "a later second")
        self.terminal.press("down")
        self.wait_for_selected("1")
        self.assertEqual(self.terminal.lines()[0].split()[2], clock)
        self.assertNotIn("101.0 MiB", self.terminal.text())
        self.terminal.press(" ")
        self.terminal.wait_for("101.0 MiB")
        self.terminal.wait_without("PAUSED")

    def test_the_pace(self):
        self.press_and_wait(["-"], "refreshed every 100 ms")
        self.press_and_wait(["+", "+"], "refreshed every 20 ms")

    def test_moving_in_time_needs_a_recording(self):
        for key in "[]{}":
            self.press_and_wait(["down", key], "move in a recording")

    def test_help(self):
        for key in ("h", "?", "f1"):
            self.press_and_wait([key], "next view; Devices")
            self.press_and_wait(["escape"], "DEVICEv")

    def test_keys_come_in_more_than_one_form(self):
        self.wait_for_selected("0")
        for keys, row in ((["\x1b[B"], "1"), (["\x1bOB", "\x1b[B"], "3"), (["\x1b[A"], "2"), (["\x1b[F"], "29"),
                          (["\x1b[H"], "0"), (["\x1b[4~"], "29"), (["\x1b[1~"], "0")):
            self.terminal.press(*keys)
            self.wait_for_selected(row)
        self.press_and_wait(["\x1b[11~"], "next view; Devices")
        self.press_and_wait(["escape"], "DEVICEv")

    def test_what_is_no_key_does_nothing(self):
        for unknown in ("\x1bx", "\x1b[1;5A", "\x1b[<0;10;10M", "\x1b[200~", "\x1b[Z\x1b[Z\x1b[Z\x1b[Z\x1b[Z", "\x1b[99;99;99u"):
            self.terminal.press(unknown)
            self.press_and_wait(["e"], "sizes: bytes")
            for unit in ("KiB", "MiB", "GiB", "auto"):
                self.press_and_wait(["e"], f"sizes: {unit}")

    def test_another_size_is_no_key(self):
        self.press_and_wait(["h"], "next view; Devices")
        self.terminal.resize(30, 100)
        self.terminal.wait_until(lambda: self.terminal.lines()[29].strip() != "", "a screen of the new size")
        self.assertIn("next view; Devices", self.terminal.text())
        self.press_and_wait(["escape"], "DEVICEv")
        self.press_and_wait(["e"], "sizes: bytes")
        self.terminal.resize(24, 80)
        self.terminal.wait_until(lambda: "sizes: bytes" in self.terminal.lines()[23], "the message in the new last line")

    def test_detail(self):
        self.press_and_wait(["down", "enter"], "Device 1")
        self.press_and_wait(["right"], "peak")
        self.terminal.wait_without("Device 1 ")
        self.press_and_wait(["left"], "Device 1")
        self.terminal.press("escape")
        self.terminal.wait_without("Device 1 ")

    def test_quitting(self):
        for key in ("q", "Q", "f10", "escape"):
            with self.subTest(key=key):
                terminal = self.shmtop()
                terminal.wait_for("F10Quit")
                terminal.press(key)
                self.assertEqual(terminal.wait_for_end(), 0)
                self.assertTrue(terminal.is_restored())


class Options(ScreenTest):
    def setUp(self):
        super().setUp()
        self.aggregator("--quiet")
        tracked = self.program()
        tracked(f"memory 0 0 {1000 * MIB}")
        tracked(f"alloc 0 {600 * MIB} 0 1")
        tracked("sync 20000")

    def open(self, *more, **env):
        terminal = self.shmtop(*more, env=env)
        terminal.wait_for("F10Quit")
        return terminal

    def test_options_are_saved_and_found_again(self):
        terminal = self.open()
        terminal.wait_for_color("60%", "green")
        terminal.press("f2")
        terminal.wait_for("Options", "Yellow from")
        terminal.press("down", "right", "right", "right")            # sizes in MiB
        terminal.press("down", "left", "left", "left", "left")       # yellow from 55 %
        terminal.wait_for("55 %")
        terminal.press("s")
        terminal.wait_for(f"saved to {self.config.path}"[:70])
        self.assertIn("unit = MiB\n", self.config.read())
        self.assertIn("warning_percent = 55\n", self.config.read())
        again = self.open()
        again.wait_for("600.0 M ")
        again.wait_for_color("60%", "yellow", "brown")  # pyte has the second name for it

    def test_options_that_were_not_saved_are_gone(self):
        terminal = self.open()
        terminal.press("f2")
        terminal.wait_for("Options")
        terminal.press("down", "right")
        terminal.wait_for("bytes")
        terminal.press("escape")
        terminal.wait_for("600.0 MiB")
        terminal.press("f2", "down", "right", "enter")
        terminal.wait_for("629145600")
        terminal.press("q")
        self.assertEqual(terminal.wait_for_end(), 0)
        self.open().wait_for("600.0 MiB")

    def test_a_bad_settings_file_is_told_and_ignored(self):
        self.config.write("unit = MiB\nunit = furlongs\n")
        terminal = self.shmtop(columns=150)
        terminal.wait_for("shmtoprc is not used: line 2: 'furlongs' is no value of unit", "600.0 MiB")
        terminal.press("down")
        terminal.wait_for("F10Quit")

    def test_the_command_line_comes_before_the_settings(self):
        self.config.write("refresh_ms = 5000\nview = processes\nsort.processes = comm\n")
        terminal = self.shmtop("-s", "pid", columns=150)
        terminal.wait_for("[2 Processes]", "every 50 ms", "PIDv")

    def test_settings_that_cannot_be_saved_are_told(self):
        with open(self.config.path + "/trackshm", "w", encoding="utf-8"):
            pass
        terminal = self.shmtop(columns=150)
        terminal.wait_for("F10Quit")
        terminal.press("f2", "s")
        terminal.wait_for("cannot save ")

    def test_without_a_home_there_is_nothing_to_save_into(self):
        terminal = self.open(XDG_CONFIG_HOME=None, HOME=None)
        terminal.press("f2", "s")
        terminal.wait_for("nothing saved")


if __name__ == "__main__":
    unittest.main(verbosity=2)
