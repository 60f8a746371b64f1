#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""documents_test.py SOURCE_DIR LIBRARY_DIR AGGREGATOR SHMTOP SHMDUMP: what the pages promise holds. Their links lead
somewhere, every expression they give to --check is one, the job of docs/ci-gate.md fails when and only when it should,
and every example of docs/languages.md does what the page says, for each language whose compiler or interpreter is here."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages(source_dir):
    return [*source_dir.glob("*.md"), *(source_dir / "docs").rglob("*.md"), source_dir / "bench/README.md"]


def anchor(heading):
    """As the usual hosts of Markdown make one from a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken_links(page):
    for target in LINK.findall(re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)):
        if "://" in target:
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path) if path else page
        if not file.exists():
            yield f"{page.name}: {target} leads nowhere"
        elif fragment and fragment not in map(anchor, re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)):
            yield f"{page.name}: {target} names a heading that there is not"


def check_expressions(page):
    text = page.read_text()
    yield from re.findall(r"--check '([^']+)'", text)
    if page.name == "ci-gate.md":
        yield from re.findall(r"^\|[^|]*\| `([^`]+)`", text, re.MULTILINE)


def bad_expressions(shmtop, page):
    for expression in check_expressions(page):
        # Without an aggregator: 3 once the command line is understood.
        result = subprocess.run([shmtop, "--namespace", f"doc-{os.getpid()}", "--check", expression], capture_output=True)
        if result.returncode != 3:
            yield f"{page.name}: --check '{expression}': {result.stderr.decode().strip()}"


def build_command(language, source, program, source_dir, library_dir):
    """How the page says it is built, less where an installation would have things; None where that cannot be done."""
    flags = [f"-I{source_dir}/include", f"-L{library_dir}", "-ltrackshm"]
    match language:
        case "c":
            return ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags]
        case "cpp":
            return ["c++", "-std=c++20", "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags]
        case "rust":
            return ["rustc", "-L", str(library_dir), "-o", program, source]
    return None


class Aggregator:
    """One of a namespace of its own, which is gone afterwards."""

    def __init__(self, program, number):
        self.name_space = f"languages-{os.getpid()}-{number}"
        self.child = subprocess.Popen([program, "--namespace", self.name_space], stderr=subprocess.PIPE, text=True)
        assert "ready" in self.child.stderr.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait()
        self.child.stderr.close()
        for file in pathlib.Path("/dev/shm").glob(f"trackshm.{self.name_space}.*"):
            file.unlink()


def run_example(number, language, code, paths, directory):
    """Empty, or what was wrong; None where the language is not here."""
    source_dir, library_dir, aggregator_program, shmtop = paths
    source = directory / f"example{number}.{ {'python': 'py', 'rust': 'rs'}.get(language, language) }"
    program = directory / f"example{number}"
    source.write_text(code)
    build = build_command(language, str(source), str(program), source_dir, library_dir)
    run = [sys.executable, str(source)] if language == "python" else [str(program)]
    if build:
        if not shutil.which(build[0]):
            return None
        built = subprocess.run(build, capture_output=True, text=True)
        if built.returncode != 0:
            return f"does not build: {built.stderr}"
    with Aggregator(aggregator_program, number) as aggregator:
        environment = {**os.environ, "TRACKSHM": "1", "TRACKSHM_NAMESPACE": aggregator.name_space,
                       "LD_LIBRARY_PATH": str(library_dir)}
        ran = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=60)
        if ran.returncode != 0:
            return f"ends with {ran.returncode}: {ran.stderr}"
        snapshot = json.loads(subprocess.check_output([shmtop, "--namespace", aggregator.name_space, "--json"]))
    devices = [(row["device"], row["allocated_bytes_total"], row["deallocations_total"], row["peak_bytes"])
               for row in snapshot["devices"]]
    return "" if devices == [(3, 1 << 20, 1, 1 << 20)] else f"was counted as {devices}"


def check_languages(paths, failures):
    examples = BLOCK.findall((paths[0] / "docs/languages.md").read_text())
    if len(examples) < 5:
        failures.append(f"languages.md: only {len(examples)} examples were found")
    with tempfile.TemporaryDirectory() as directory:
        for number, (language, code) in enumerate(examples, 1):
            problem = run_example(number, language, code, paths, pathlib.Path(directory))
            if problem is None:
                print(f"example {number}: no compiler for {language} here")
            elif problem:
                failures.append(f"languages.md: example {number} ({language}) {problem}")
            else:
                print(f"example {number} ({language}) does what the page says")


# In the place of the job's tests: a tracked program that holds a buffer to its end, or does not.
TESTS_OF_JOB = """#!{python}
import ctypes
trackshm = ctypes.CDLL("{library}/libtrackshm.so.0")
trackshm.trackshm_report_allocation.argtypes = [ctypes.c_uint32, ctypes.c_uint64, ctypes.c_uint8, ctypes.c_uint64]
trackshm.trackshm_report_deallocation.argtypes = [ctypes.c_uint64]
trackshm.trackshm_report_allocation(0, 100, 0, 1)
if not {leaks}: trackshm.trackshm_report_deallocation(1)
raise SystemExit({code})
"""


def check_job(paths, failures):
    source_dir, library_dir, *programs = paths
    job = re.search(r"## The job\n\n```bash\n(.*?)^```$", (source_dir / "docs/ci-gate.md").read_text(), re.MULTILINE | re.DOTALL)
    for number, (leaks, code) in enumerate([(False, 0), (True, 0), (False, 3)]):
        with tempfile.TemporaryDirectory() as directory:
            stand_in = pathlib.Path(directory) / "ctest"
            stand_in.write_text(TESTS_OF_JOB.format(python=sys.executable, library=library_dir, leaks=leaks, code=code))
            stand_in.chmod(0o755)
            path = [directory, *{str(program.parent) for program in programs}, os.environ["PATH"]]
            environment = {**os.environ, "PATH": ":".join(path), "CI_JOB_ID": f"{os.getpid()}-{number}"}
            soon = job[1].replace("--wait 30", "--wait 3")  # a leak is waited for to the end
            ran = subprocess.run(["bash", "-eo", "pipefail", "-c", soon], env=environment, cwd=directory,
                                 capture_output=True, text=True, timeout=60)
            left = [file.name for file in pathlib.Path("/dev/shm").glob(f"trackshm.ci-{os.getpid()}-{number}.*")]
            case = f"ci-gate.md: the job, leaking {leaks}, tests ending with {code}"
            if (ran.returncode == 0) != (not leaks and code == 0):
                failures.append(f"{case}: ends with {ran.returncode}: {ran.stderr}")
            if not (pathlib.Path(directory) / "memory.json").exists():
                failures.append(f"{case}: leaves no memory.json: {ran.stderr}")
            if left:
                failures.append(f"{case}: leaves {left}")


def main():
    paths = [pathlib.Path(argument).resolve() for argument in sys.argv[1:6]]
    failures = []
    for page in pages(paths[0]):
        failures += broken_links(page)
        failures += bad_expressions(paths[3], page)
    check_job(paths, failures)
    check_languages(paths[:4], failures)
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
