# SPDX-License-Identifier: Apache-2.0
"""How a session begins and ends: signals, job control, and aggregators that come and go."""

import os
import signal
import unittest

from support import MIB, SHMDUMP, ScreenTest, Terminal, eventually


UNCATCHABLE = {signal.SIGKILL, signal.SIGSTOP}
STOPPING = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT}
# By default, or by shmtop: it hears of failed writes by their results.
IGNORED = {signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGPIPE, signal.SIGXFSZ}


class Signals(ScreenTest):
    def setUp(self):
        super().setUp()
        self.aggregator("--quiet")
        tracked = self.program()
        tracked(f"alloc 0 {300 * MIB} 0 1")
        tracked("sync 20000")

    def test_signals_end_it_with_the_terminal_restored(self):
        ending = {number for number in signal.valid_signals() if number < signal.SIGRTMIN} - UNCATCHABLE - IGNORED - STOPPING
        for number in sorted(ending):
            with self.subTest(signal=number):
                terminal = self.shmtop()
                terminal.wait_for("300.0 MiB", "F10Quit")
                terminal.child.kill(number)
                self.assertEqual(terminal.wait_for_end(), -number)
                self.assertTrue(terminal.is_restored())

    def test_control_c_is_a_signal(self):
        terminal = self.shmtop()
        terminal.wait_for("F10Quit")
        terminal.press("\x03")
        self.assertEqual(terminal.wait_for_end(), -signal.SIGINT)
        self.assertTrue(terminal.is_restored())

    def test_a_signal_that_was_ignored_before_stays_so(self):
        shmtop = f"{os.environ['TRACKSHM_BINARY_DIR']}/tools/shmtop"
        terminal = self.own(Terminal(["-c", f"trap '' HUP USR1; exec {shmtop} -r 50"], 24, 80,
                                     {"XDG_CONFIG_HOME": self.config.path, "TRACKSHM_NAMESPACE": self.namespace.name},
                                     command="sh"))
        terminal.wait_for("300.0 MiB", "F10Quit")
        terminal.child.kill(signal.SIGHUP)
        terminal.child.kill(signal.SIGUSR1)
        terminal.press("5")
        terminal.wait_for("[5 Sizes]")
        terminal.press("q")
        self.assertEqual(terminal.wait_for_end(), 0)
        self.assertTrue(terminal.is_restored())

    def test_signals_while_it_looks_for_buffers(self):
        terminal = self.shmtop()
        terminal.press("3")
        terminal.wait_for("the largest 1 of 1 live buffer")
        terminal.child.kill(signal.SIGTERM)
        self.assertEqual(terminal.wait_for_end(), -signal.SIGTERM)
        self.assertTrue(terminal.is_restored())

    def test_stopped_it_gives_the_terminal_back_and_takes_it_again(self):
        # A shell with job control, as a stopped process must have somebody to go on for.
        arguments = ["--norc", "--noprofile", "-i"]
        terminal = self.own(Terminal(arguments, 24, 80, {"PS1": "shell$ ", "XDG_CONFIG_HOME": self.config.path,
                                                         "TRACKSHM_NAMESPACE": self.namespace.name}, command="bash"))
        terminal.wait_for("shell$")
        for suspend in (lambda: terminal.press("\x1a"), lambda: os.kill(self.shmtop_pid(terminal), signal.SIGTSTP)):
            terminal.press(f"{os.environ['TRACKSHM_BINARY_DIR']}/tools/shmtop -r 50\r")
            terminal.wait_for("300.0 MiB", "F10Quit")
            suspend()
            terminal.wait_for("Stopped")
            self.assertNotIn("F10Quit", terminal.text())
            terminal.press("fg\r")
            terminal.wait_for("300.0 MiB", "F10Quit")
            terminal.press("2")
            terminal.wait_for("[2 Processes]")
            terminal.press("q")
            terminal.wait_for("shell$")
            terminal.wait_without("F10Quit")

    def shmtop_pid(self, terminal):
        """Of the one in the terminal's foreground."""
        return os.tcgetpgrp(terminal.child.child_fd)

    def test_continued_after_a_stop_by_force_it_draws_all_anew(self):
        terminal = self.shmtop()
        terminal.wait_for("300.0 MiB", "F10Quit")
        terminal.child.kill(signal.SIGSTOP)
        eventually(lambda: self.state_of(terminal.child.pid) == "T", "it to be stopped")
        terminal.read()
        terminal.stream.feed(b"\x1b[2J\x1b[Hscribble")
        terminal.child.kill(signal.SIGCONT)
        terminal.wait_for("300.0 MiB", "F10Quit")
        terminal.wait_without("scribble")

    @staticmethod
    def state_of(pid):
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0]

    def test_a_terminal_that_is_gone_ends_it(self):
        terminal = self.shmtop()
        terminal.wait_for("F10Quit")
        terminal.hang_up()
        eventually(lambda: not terminal.child.isalive(), "its end")


class Aggregators(ScreenTest):
    def test_without_an_aggregator_it_says_so_and_leaves_the_terminal_alone(self):
        terminal = self.shmtop()
        self.assertEqual(terminal.wait_for_end(), 3)
        self.assertIn(b"no aggregator", terminal.output)
        self.assertNotIn(b"\x1b", terminal.output)

    def test_a_dead_aggregator_leaves_its_last_picture_with_a_red_line_until_another_comes(self):
        first = self.aggregator("--quiet")
        tracked = self.program()
        tracked(f"alloc 0 {300 * MIB} 0 1")
        tracked("sync 20000")
        terminal = self.shmtop()
        terminal.wait_for("300.0 MiB", "exact")
        first.kill()
        terminal.wait_for("THE AGGREGATOR IS GONE: figures are", "300.0 MiB")
        terminal.wait_for_color("THE AGGREGATOR IS GONE", "red")
        second = self.aggregator("--quiet")
        terminal.wait_without("THE AGGREGATOR IS GONE")
        terminal.wait_for(f"aggregator {second.process.pid} (start 2)", "300.0 MiB")
        tracked(f"alloc 0 {100 * MIB} 0 2")
        terminal.wait_for("400.0 MiB")

    def test_a_successor_in_another_segment_is_found(self):
        first = self.aggregator("--quiet")
        terminal = self.shmtop()
        terminal.wait_for("F10Quit")
        first.kill()
        terminal.wait_for("THE AGGREGATOR IS GONE")
        self.run_tool(SHMDUMP, "clean", "--all")
        tracked = self.program()
        tracked(f"alloc 0 {200 * MIB} 0 1")
        self.aggregator("--quiet")
        terminal.wait_for("200.0 MiB")
        terminal.wait_without("THE AGGREGATOR IS GONE")

    def run_tool(self, tool, *arguments):
        terminal = self.own(Terminal([*arguments, "--namespace", self.namespace.name], command=tool))
        self.assertEqual(terminal.wait_for_end(), 0, terminal.text())

    def test_an_aggregator_that_stands_still_is_told(self):
        aggregator = self.aggregator("--quiet")
        terminal = self.shmtop()
        terminal.wait_for("F10Quit")
        aggregator.stop()
        terminal.wait_for("The aggregator has not moved for")
        aggregator.process.send_signal(signal.SIGCONT)
        terminal.wait_without("The aggregator has not moved for")

    def test_what_went_wrong_is_said_in_words(self):
        self.aggregator("--quiet")
        tracked = self.program()
        tracked("free 12345")
        tracked("sync 20000")
        terminal = self.shmtop(columns=120)
        terminal.wait_for("unknown frees 1", "1 unknown free: buffers were freed twice")


if __name__ == "__main__":
    unittest.main(verbosity=2)
