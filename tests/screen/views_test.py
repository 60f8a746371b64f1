# SPDX-License-Identifier: Apache-2.0
"""What each view shows, on screens of all kinds."""

import os
import shutil
import unittest

from support import MIB, SHMTOP, ScreenTest, Terminal


class Views(ScreenTest):
    def setUp(self):
        super().setUp()
        self.aggregator("--quiet")
        self.big = self.program()
        for device in range(2):
            self.big(f"name {device} mesh-{device}")
            self.big(f"memory {device} 0 {1000 * MIB}")
            self.big(f"alloc {device} {300 * MIB} 0 {device + 1}")
        self.big("sync 20000")

    def test_devices_on_80x24(self):
        terminal = self.shmtop()
        terminal.wait_for("[1 Devices]", "mesh-1", "pending 0   dropped 0   unknown frees 0", "exact", "F10Quit")
        terminal.wait_for_match(r"^ +0 mesh-0 +DRAM \[\S+\] 300\.0 MiB  1000 MiB  30% +1 +300\.0 MiB$")
        self.assertIn(self.namespace.name, terminal.lines()[0])

    def test_devices_on_200x60(self):
        terminal = self.shmtop(rows=60, columns=200)
        terminal.wait_for("ALLOCS/s   BYTES/s", "F10Quit", "every 50 ms", "0 mesh-0 300.0 MiB, top 300.0 MiB, 1s",
                          "1 mesh-1 300.0 MiB, top 300.0 MiB, 1s")
        terminal.wait_until(lambda: "F10Quit" in terminal.lines()[59], "keys in the last line")

    def test_rates_move_while_the_program_allocates(self):
        terminal = self.shmtop(columns=120)
        terminal.wait_for("ALLOCS/s")

        def has_a_rate():
            self.big("storm 1 1000 0 1 100 64")
            return any("L1 " in line and line.split()[-2] not in ("0", "-") for line in terminal.lines())
        terminal.wait_until(has_a_rate, "a rate of L1 allocations")

    def test_a_graph_grows_while_time_goes_by(self):
        terminal = self.shmtop()
        terminal.wait_for("0 mesh-0 300.0 MiB, top")
        bottom = terminal.screen.lines - 2
        terminal.wait_until(lambda: terminal.lines()[bottom].count("\u2588") >= 4, "two graphs of two columns each")

    def test_the_panel_of_a_device(self):
        terminal = self.shmtop(rows=40, columns=120)
        terminal.wait_for("mesh-1")
        terminal.press("down", "enter")
        terminal.wait_for("Device 1 mesh-1", "peak 300.0 MiB")
        terminal.wait_for_match(f"300.0 MiB DRAM +{self.big.pid} script_program")
        terminal.press("enter")
        terminal.wait_without("Device 1 mesh-1")

    def test_the_last_failure_of_a_device(self):
        self.big(f"fail 1 {900 * MIB} 0")
        self.big("sync 20000")
        terminal = self.shmtop(rows=40)
        terminal.wait_for("mesh-1")
        terminal.press("down", "enter")
        terminal.wait_for(f"Allocation failed: 900.0 MiB of DRAM for {self.big.pid} script_program",
                          "1 failure so far", "the largest buffers then:")
        terminal.wait_for_match(f"300.0 MiB DRAM +0x2 of {self.big.pid} script_program")

    def test_filters_act_on_what_is_told_of_a_device(self):
        other = self.program()
        other(f"alloc 0 {200 * MIB} 0 9")
        other(f"fail 0 {900 * MIB} 0")
        other("sync 20000")
        terminal = self.shmtop("-p", str(other.pid), rows=50, columns=120)
        terminal.wait_for_match(r"^ +0 mesh-0 +DRAM \[\S+\] +200\.0 MiB .* 500\.0 MiB\b")
        terminal.press("enter")
        terminal.wait_for("live 200.0 MiB in 1 buffer", "0 mesh-0 whole device 500.0 MiB, top 500.0 MiB")
        terminal.wait_for_match(f"200.0 MiB DRAM +{other.pid} script_program")
        terminal.wait_for_match(r"300\.0 MiB the rest")
        terminal.wait_for_match(f"200.0 MiB DRAM +0x9 of {other.pid} script_program")
        self.assertNotIn(f"{self.big.pid} script_program", terminal.text())

    def test_processes(self):
        other = self.program()
        other(f"alloc 5 {10 * MIB} 1 1")
        other("sync 20000")
        terminal = self.shmtop(columns=120)
        terminal.press("2")
        terminal.wait_for(f"{self.big.pid} ", f"{other.pid} ", "0-1:DRAM 300.0 MiB each", "5:L1 10.0 MiB")
        terminal.wait_for_order(f"{self.big.pid} ", f"{other.pid} ")
        terminal.press("I")
        terminal.wait_for_order(f"{other.pid} ", f"{self.big.pid} ")
        terminal.press("m")
        terminal.wait_for("DEVICE TYPE", "columns: devices")
        terminal.press("m")
        terminal.wait_for("REPORTED    APPLIED PENDING")

    def test_the_tree_of_processes(self):
        child = self.fork()
        terminal = self.shmtop(columns=120)
        terminal.press("2")
        terminal.wait_for(f"{child} ")
        branch = "\u2514\u2500 script_program"
        for key in ("t", "f5"):
            terminal.press(key)
            terminal.wait_for_match(f"^ +{child} .*{branch}")
            terminal.wait_for_order(f"{self.big.pid} ", f"{child} ")
            terminal.press(key)
            terminal.wait_without(branch)

    def fork(self):
        self.big.send("fork 2")
        self.big.send("alloc 0 4096 1 9")
        self.big.send("sync 20000")
        return int(self.big.answer().split()[-1])

    def test_buffers(self):
        terminal = self.shmtop(columns=100)
        terminal.press("3")
        terminal.wait_for("the largest 2 of 2 live buffers, 600.0 MiB in all, seen", "0x1 ", "0x2 ", str(self.big.pid))
        self.big(f"alloc 1 {400 * MIB} 0 0xabc")
        terminal.wait_for("0xabc", "the largest 3 of 3 live buffers")
        terminal.wait_for_order("0xabc", "0x1 ")

    def test_buffers_that_may_not_be_read_are_told(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to watch as somebody else")
        terminal = self.own(Terminal(["--reuid=65534", "--regid=65534", "--clear-groups", SHMTOP, "--namespace",
                                      self.namespace.name, "-r", "50"], 24, 100, {"XDG_CONFIG_HOME": None, "HOME": None},
                                     command="setpriv"))
        terminal.press("3")
        terminal.wait_for("permission denied: 1 process table left out")

    def test_wide_characters_in_names_leave_columns_where_they_are(self):
        self.big("name 0 \u4e2d\u6587")
        terminal = self.shmtop()
        terminal.wait_for_match("^ +0 \u4e2d ?\u6587 ? +DRAM")
        terminal.wait_for_match("^ +1 mesh-1 +DRAM")
        self.assertEqual(terminal.column_of("DRAM", terminal.line_with("\u4e2d")),
                         terminal.column_of("DRAM", terminal.line_with("mesh-1")))

    def test_exited(self):
        doomed = self.program()
        doomed("alloc 3 4096 0 1")
        doomed("sync 20000")
        doomed.close()
        terminal = self.shmtop(columns=120)
        terminal.press("4")
        terminal.wait_for(str(doomed.pid), "4.0 KiB", "killed")
        self.big("alloc 0 1 0 77")
        self.big.send("return 0")
        terminal.wait_for(str(self.big.pid), "exited")

    def test_sizes(self):
        terminal = self.shmtop()
        terminal.press("5")
        # 300 MiB are more than 256 and at most 512.
        terminal.wait_for_match(r"^DRAM +up to 512\.0 MiB +2 \[\u2588+\] +2 \[\u2588+\]$")
        self.big("alloc 1 3000 1 9")
        terminal.wait_for_match(r"^L1 +up to 4\.0 KiB +1 .* +1 ")
        self.big("free 9")
        terminal.wait_for_match(r"^L1 +up to 4\.0 KiB +0 .* +1 ")

    def test_filters_of_the_command_line_hold_in_every_view(self):
        terminal = self.shmtop("-d", "1", columns=100)
        terminal.wait_for("mesh-1", "F10Quit")
        self.assertNotIn("mesh-0", terminal.text())
        terminal.press("3")
        terminal.wait_for("the largest 1 of 1 live buffer,")
        terminal.press("2")
        terminal.wait_for("1:DRAM 300.0 MiB")

    def test_names_that_want_to_write_on_the_terminal_cannot(self):
        name = os.path.join(self.config.path, "\x1b[31mred\x07")
        shutil.copy(os.environ["TRACKSHM_BINARY_DIR"] + "/tests/programs/script_program", name)
        bad = self.program(name)
        bad("alloc 0 1 0 1")
        bad("sync 20000")
        terminal = self.shmtop()
        terminal.press("2")
        terminal.wait_for("\ufffd[31mred")
        self.assertNotIn(b"\x1b[31mred", terminal.output)
        self.assertNotIn(b"\x07", terminal.output)


class Looks(ScreenTest):
    def setUp(self):
        super().setUp()
        self.aggregator("--quiet")
        self.program_ = self.program()
        self.program_(f"memory 0 0 {1000 * MIB}")
        self.program_(f"alloc 0 {950 * MIB} 0 1")
        self.program_("sync 20000")

    def test_a_nearly_full_memory_is_red(self):
        terminal = self.shmtop()
        terminal.wait_for_color("95%", "red")

    def test_no_colour_by_option_and_by_environment(self):
        for arguments, env in ((["-C"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "vt220"})):
            with self.subTest(arguments=arguments, env=env):
                terminal = self.shmtop(*arguments, env=env)
                terminal.wait_for("950.0 MiB", "F10Quit")
                terminal.wait_until(lambda: "95%" in terminal.text() and terminal.cells("95%")[0].bold,
                                    "95% in bold")
                colors = {cell.fg for row in terminal.screen.buffer.values() for cell in row.values()}
                self.assertEqual(colors, {"default"})

    def test_without_unicode_all_is_ascii(self):
        terminal = self.shmtop(env={"LC_ALL": "C"})
        terminal.wait_for("950.0 MiB", "[#", "F10Quit")
        for view in "2345":
            terminal.press(view)
            terminal.wait_for(f"[{view} ")
        self.assertTrue(terminal.output.isascii())

    def test_with_unicode_bars_are_blocks(self):
        terminal = self.shmtop()
        terminal.wait_for("[\u2588")

    def test_the_screen_follows_the_size_of_the_terminal(self):
        terminal = self.shmtop()
        terminal.wait_for("F10Quit")
        for rows, columns in ((60, 200), (24, 80), (5, 30), (2, 10), (1, 1), (30, 100)):
            with self.subTest(rows=rows, columns=columns):
                terminal.resize(rows, columns)
                if rows > 20:
                    terminal.wait_until(lambda: "F10Quit" in terminal.lines()[-1] and
                                        "950.0 MiB" in terminal.text(), "a screen of the new size")
                else:
                    first = "trackshm"
                    wanted = "~" if columns == 1 else first[:columns - 1]
                    terminal.wait_until(lambda: terminal.lines()[0].startswith(wanted), f"'{wanted}' on top")

    def test_a_dumb_terminal_gets_plain_text(self):
        terminal = self.shmtop(env={"TERM": "dumb"})
        self.assertEqual(terminal.wait_for_end(), 0)
        self.assertIn(b"950.0 MiB", terminal.output)
        self.assertNotIn(b"\x1b", terminal.output)

    def test_an_unknown_terminal_gets_plain_text(self):
        terminal = self.shmtop(env={"TERM": "no-such-terminal"})
        self.assertEqual(terminal.wait_for_end(), 0)
        self.assertIn(b"950.0 MiB", terminal.output)


class EverySort(ScreenTest):
    """Each view, small and large, sorted by all it can be sorted by."""

    def setUp(self):
        super().setUp()
        self.aggregator("--quiet")
        self.programs = [self.program(), self.program()]
        self.ended = [self.program(), self.program()]
        for number, program in enumerate((*self.programs, *self.ended)):
            program(f"name {number} mesh-{number}")
            program(f"alloc {number} {100 * (number + 1) * MIB} 0 {0xa0 + number}")
            program(f"alloc {number} 4096 1 {0xb0 + number}")
            program("sync 20000")
        for program in self.ended:
            program.close()

    def markers(self):
        """Of each view two rows, and the sort keys."""
        return {
            "1": ("mesh-0", "mesh-1", ("device", "live", "used", "peak", "buffers", "rate")),
            "2": (f"{self.programs[0].pid} ", f"{self.programs[1].pid} ",
                  ("live", "peak", "buffers", "pid", "user", "comm", "device")),
            "3": ("0xa0", "0xa1", ("size", "age", "device", "pid", "id")),
            "4": (f"{self.ended[0].pid} ", f"{self.ended[1].pid} ", ("ended", "leaked", "peak", "pid", "comm")),
            "5": ("up to 128.0 MiB", "up to 256.0 MiB", ("size", "live", "allocated")),
        }

    def wait_for_sort(self, terminal, key):
        terminal.wait_until(lambda: terminal.lines()[-1].startswith(f"sorted by {key}"), f"to be sorted by {key}")

    def check(self, rows, columns):
        terminal = self.shmtop(rows=rows, columns=columns)
        for view, (one, other, keys) in self.markers().items():
            terminal.press(view)
            terminal.wait_for(one, other)
            for key in (*keys[1:], keys[0]):
                terminal.press(">")
                self.wait_for_sort(terminal, key)
            for key in reversed(keys):
                terminal.press("<")
                self.wait_for_sort(terminal, key)
            terminal.press("f6")
            terminal.wait_for("by", *keys)
            terminal.press("escape")
            terminal.wait_for(one, other)
            first, second = sorted((one, other), key=terminal.line_with)
            terminal.press("I")
            terminal.wait_for_order(second, first)
            terminal.press("I")
            terminal.wait_for_order(first, second)
        terminal.press("q")
        self.assertEqual(terminal.wait_for_end(), 0)

    def test_on_80x24(self):
        self.check(24, 80)

    def test_on_200x60(self):
        self.check(60, 200)


class Past(ScreenTest):
    def test_a_screen_opened_late_draws_what_was_before(self):
        self.aggregator("--quiet")
        program = self.program()
        program(f"alloc 0 {700 * MIB} 0 1")
        program("sync 20000")
        first = self.shmtop()
        first.wait_until(lambda: any(line.count("\u2588") >= 3 for line in first.lines()), "three seconds of a graph")
        program("free 1")
        program(f"alloc 0 {10 * MIB} 0 2")
        program("sync 20000")
        late = self.shmtop()
        late.wait_for("10.0 MiB, top 700.0 MiB")


if __name__ == "__main__":
    unittest.main(verbosity=2)
