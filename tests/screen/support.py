# SPDX-License-Identifier: Apache-2.0
"""The programs under test, and a terminal that remembers what they show, as values."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest
import uuid

try:
    import pexpect
    import pyte
except ImportError as missing:
    print(f"SKIPPED: {missing.name} is not installed (scripts/packages.txt)")
    sys.exit(77)

BINARY_DIR = os.environ["TRACKSHM_BINARY_DIR"]
AGGREGATOR = os.path.join(BINARY_DIR, "src/aggregator/shm_aggregator")
SHMTOP = os.path.join(BINARY_DIR, "tools/shmtop")
SHMDUMP = os.path.join(BINARY_DIR, "tools/shmdump")
SCRIPT_PROGRAM = os.path.join(BINARY_DIR, "tests/programs/script_program")

# Generous: a test waits for a condition, and this long only to fail.
DEADLINE_S = 30

MIB = 1 << 20

KEYS = {
    "up": "\x1bOA", "down": "\x1bOB", "right": "\x1bOC", "left": "\x1bOD",
    "home": "\x1bOH", "end": "\x1bOF", "page_up": "\x1b[5~", "page_down": "\x1b[6~",
    "enter": "\r", "tab": "\t", "back_tab": "\x1b[Z", "escape": "\x1b", "backspace": "\x7f",
    "f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR", "f4": "\x1bOS", "f5": "\x1b[15~", "f6": "\x1b[17~",
    "f10": "\x1b[21~", "erase_line": "\x15",
}


def environment(more=None):
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("TRACKSHM", "LC_", "LANG", "XDG_")) and name not in ("NO_COLOR", "COLUMNS", "LINES")}
    clean.update({"LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "TZ": "UTC"})
    clean.update(more or {})
    return {name: value for name, value in clean.items() if value is not None}


def eventually(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"in vain waited for: {what() if callable(what) else what}")
        time.sleep(0.01)


class Namespace:
    """Of one test: no other run has the same, and nothing of it stays behind."""

    def __init__(self):
        self.name = f"screen-{os.getpid()}-{uuid.uuid4().hex[:8]}"

    def close(self):
        for entry in os.listdir("/dev/shm"):
            if entry.startswith(f"trackshm.{self.name}."):
                os.unlink(os.path.join("/dev/shm", entry))


class Aggregator:
    def __init__(self, namespace, *more):
        self.process = subprocess.Popen([AGGREGATOR, "--namespace", namespace.name, *more], env=environment(),
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        if "ready" not in line:
            raise AssertionError(f"the aggregator did not start: {line}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def stop(self):
        """SIGSTOP; returns once it stands still."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)

    def close(self):
        if self.process.poll() is None:
            self.kill()


class Program:
    """A tracked process that does what it is told (tests/programs/script_program.cpp)."""

    def __init__(self, namespace, command=SCRIPT_PROGRAM):
        self.process = subprocess.Popen([command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment({"TRACKSHM": "1", "TRACKSHM_NAMESPACE": namespace.name}))
        self.answer()

    @property
    def pid(self):
        return self.process.pid

    def answer(self):
        return self.process.stdout.readline().strip()

    def __call__(self, command):
        self.send(command)
        return self.answer()

    def send(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Stream(pyte.ByteStream):
    """With what xterm's entry in terminfo has and pyte has not: REP, SU and SD."""

    csi = {**pyte.ByteStream.csi, "b": "repeat", "S": "scroll_up", "T": "scroll_down"}
    events = pyte.ByteStream.events | {"repeat", "scroll_up", "scroll_down"}


class Screen(pyte.Screen):
    """With those, and with the second screen that full-screen programs write on."""

    SECOND = 1049
    last_character = " "

    def draw(self, data):
        self.last_character = data[-1]
        super().draw(data)

    def repeat(self, count=1):
        super().draw(self.last_character * (count or 1))

    def scroll_up(self, count=1):
        self.scroll(self.margins.bottom if self.margins else self.lines - 1, self.index, count)

    def scroll_down(self, count=1):
        self.scroll(self.margins.top if self.margins else 0, self.reverse_index, count)

    def scroll(self, row, step, count):
        before, self.cursor.y = self.cursor.y, row
        for _ in range(count or 1):
            step()
        self.cursor.y = before

    def set_mode(self, *modes, **options):
        if self.SECOND in modes and options.get("private"):
            self.first = {row: dict(line) for row, line in self.buffer.items()}
            self.erase_in_display(2)
        super().set_mode(*modes, **options)

    def reset_mode(self, *modes, **options):
        if self.SECOND in modes and options.get("private"):
            self.erase_in_display(2)
            for row, line in self.first.items():
                self.buffer[row].update(line)
        super().reset_mode(*modes, **options)


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, arguments, rows=24, columns=80, env=None, command=SHMTOP):
        self.screen = Screen(columns, rows)
        self.stream = Stream(self.screen)
        self.output = b""
        self.child = pexpect.spawn(command, arguments, dimensions=(rows, columns), env=environment(env), timeout=None)
        self.child.delaybeforesend = None

    def read(self):
        """Takes all there is to be read, which may end amid a picture. False: the program has closed the terminal."""
        timeout = 0.02
        while True:
            try:
                data = self.child.read_nonblocking(65536, timeout=timeout)
            except pexpect.TIMEOUT:
                return True
            except pexpect.EOF:
                return False
            self.output += data
            self.stream.feed(data)
            timeout = 0

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def wait_until(self, condition, what="a condition"):
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            if not self.read() and not condition():
                raise AssertionError(f"it ended instead of: {what}\n{self.text()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"in vain waited for: {what}\n{self.text()}")

    def wait_for(self, *texts):
        for text in texts:
            self.wait_until(lambda: text in self.text(), f"'{text}'")

    def wait_for_match(self, pattern):
        """A line that the regular expression fits."""
        self.wait_until(lambda: any(re.search(pattern, line) for line in self.lines()), f"a line like '{pattern}'")

    def wait_for_order(self, *texts):
        """Lines with these, one below the other."""
        def rows():
            return [next((row for row, line in enumerate(self.lines()) if text in line), -1) for text in texts]
        self.wait_until(lambda: -1 not in rows() and rows() == sorted(rows()), f"{texts} from top to bottom")

    def wait_for_color(self, text, *colors):
        self.wait_until(lambda: text in self.text() and self.cells(text)[0].fg in colors, f"'{text}' in {colors}")

    def wait_without(self, text):
        self.wait_until(lambda: text not in self.text(), f"no '{text}'")

    def press(self, *keys):
        """Names of keys, or what they send."""
        for key in keys:
            self.child.send(KEYS.get(key, key))

    def line_with(self, text):
        for row, line in enumerate(self.lines()):
            if text in line:
                return row
        raise AssertionError(f"no line with '{text}':\n{self.text()}")

    def cells(self, text):
        """Those of the first line with the text, where the text is."""
        row = self.line_with(text)
        column = self.screen.display[row].index(text)
        return [self.screen.buffer[row][column + i] for i in range(len(text))]

    def column_of(self, text, row):
        """The column where the text is: wide characters take two."""
        cells = [self.screen.buffer[row][column].data for column in range(self.screen.columns)]
        return next(column for column in range(len(cells)) if "".join(cells[column:]).startswith(text))

    def selected_line(self):
        """The row of the list that is chosen: the last one that is all reverse, after the heading."""
        rows = [row for row in range(self.screen.lines)
                if all(self.screen.buffer[row][column].reverse for column in range(self.screen.columns))]
        return self.lines()[rows[1]] if len(rows) > 1 else None

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def wait_for_end(self):
        """Reads all that is left; how it ended: an exit code, or minus a signal."""
        deadline = time.monotonic() + DEADLINE_S
        while self.read():
            if time.monotonic() > deadline:
                raise AssertionError(f"it does not end\n{self.text()}")
        self.child.wait()
        return self.child.exitstatus if self.child.signalstatus is None else -self.child.signalstatus

    def is_restored(self):
        """Back on the first screen, the cursor shown, keys echoed and handed over line by line."""
        is_back = self.output.rfind(b"\x1b[?1049l") > self.output.rfind(b"\x1b[?1049h")
        is_shown = self.output.rfind(b"\x1b[?25h") > self.output.rfind(b"\x1b[?25l")
        input_modes, output_modes, _, local_modes, *_ = termios.tcgetattr(self.child.child_fd)
        wanted = termios.ICANON | termios.ECHO | termios.ISIG
        return (is_back and is_shown and local_modes & wanted == wanted and bool(input_modes & termios.ICRNL)
                and bool(output_modes & termios.ONLCR))

    def hang_up(self):
        self.child.ptyproc.fileobj.close()

    def close(self):
        self.child.close(force=True)


class ConfigHome:
    """A private XDG_CONFIG_HOME."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="shmtop-test-")
        self.path = self.directory.name
        self.rc = os.path.join(self.path, "trackshm/shmtoprc")

    def write(self, text):
        os.makedirs(os.path.dirname(self.rc), exist_ok=True)
        with open(self.rc, "w", encoding="utf-8") as file:
            file.write(text)

    def read(self):
        with open(self.rc, encoding="utf-8") as file:
            return file.read()

    def close(self):
        self.directory.cleanup()


class ScreenTest(unittest.TestCase):
    """Has a namespace of its own and a home for settings; what it starts ends with it."""

    def setUp(self):
        self.namespace = self.own(Namespace())
        self.config = self.own(ConfigHome())

    def own(self, thing):
        self.addCleanup(thing.close)
        return thing

    def aggregator(self, *more):
        return self.own(Aggregator(self.namespace, *more))

    def program(self, command=SCRIPT_PROGRAM):
        return self.own(Program(self.namespace, command))

    def shmtop(self, *more, rows=24, columns=80, env=None):
        arguments = ["--namespace", self.namespace.name, "-r", "50", *more]
        return self.own(Terminal(arguments, rows, columns, {"XDG_CONFIG_HOME": self.config.path, **(env or {})}))
