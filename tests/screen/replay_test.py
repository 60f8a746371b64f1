# SPDX-License-Identifier: Apache-2.0
"""Recordings on the screen: made of what it shows, and played in it."""

import os
import subprocess
import tempfile
import time
import unittest

from support import MIB, SHMTOP, ScreenTest, eventually


class Recordings(ScreenTest):
    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.file = os.path.join(directory.name, "r.trk")

    def shmtop_once(self, *arguments):
        return subprocess.run([SHMTOP, "--namespace", self.namespace.name, *arguments], check=True,
                              capture_output=True, text=True).stdout

    def record_two_frames(self):
        """100 MiB, and more than a second later 300 MiB. Nobody is there any more afterwards."""
        aggregator = self.aggregator("--quiet")
        program = self.program()
        for mib, identity in ((100, 1), (200, 2)):
            program(f"alloc 0 {mib * MIB} 0 {identity}")
            program("sync 20000")
            self.shmtop_once("--record", self.file, "-n", "1")
            if identity == 1:
                recorded = time.monotonic()
                eventually(lambda: time.monotonic() > recorded + 1.2, "a later second")
        program.close()
        aggregator.kill()

    def test_what_the_screen_shows_is_recorded(self):
        self.aggregator("--quiet")
        program = self.program()
        terminal = self.shmtop("--record", self.file)
        terminal.wait_for("recording", "F10Quit")
        program(f"alloc 0 {5 * MIB} 0 1")
        program("sync 20000")
        terminal.wait_for("5.0 MiB")
        terminal.press("q")
        self.assertEqual(terminal.wait_for_end(), 0)
        frames = self.shmtop_once("--replay", self.file, "--csv=noheader", "--query", "live_bytes", "-n", "0").split()
        self.assertEqual(frames[0], "0")
        self.assertEqual(frames[-1], str(5 * MIB))

    def test_figures_of_a_dead_aggregator_are_not_recorded(self):
        first = self.aggregator("--quiet")
        terminal = self.shmtop("--record", self.file)
        terminal.wait_for("exact  recording")
        first.kill()
        terminal.wait_for("not recording", "THE AGGREGATOR IS GONE")
        frames = os.path.getsize(self.file)
        age = terminal.lines()[1]
        terminal.wait_until(lambda: terminal.lines()[1] != age, "older figures")
        self.assertEqual(os.path.getsize(self.file), frames)
        self.aggregator("--quiet")
        terminal.wait_without("not recording")
        terminal.wait_until(lambda: os.path.getsize(self.file) > frames, "more frames")

    def test_a_recording_plays_and_is_moved_in(self):
        self.record_two_frames()
        terminal = self.shmtop("--replay", self.file, columns=120)
        terminal.wait_for("300.0 MiB")
        at_the_end = r"replay (\d+:\d\d) of \1"  # the frames may be further apart than they were meant to be
        terminal.wait_for_match(at_the_end + ", 1x")
        terminal.press("p", "[")
        terminal.wait_for("100.0 MiB", "replay 0:00 of 0:")
        terminal.wait_without("300.0 MiB")
        terminal.press("]")
        terminal.wait_for("300.0 MiB")
        terminal.wait_for_match(at_the_end)
        terminal.press("}")
        terminal.wait_for("2x")
        terminal.press("{", "{")
        terminal.wait_for("0.5x")
        terminal.press("[", "p")
        terminal.wait_for("300.0 MiB")
        terminal.press("3")
        terminal.wait_for("a recording has no list of buffers")
        terminal.press("q")
        self.assertEqual(terminal.wait_for_end(), 0)
        self.assertTrue(terminal.is_restored())


if __name__ == "__main__":
    unittest.main(verbosity=2)
