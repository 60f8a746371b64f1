#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py --check SOURCE_DIR            each mutant can be made, and its tests are there
   run.py SOURCE_DIR BUILD_DIR [NAME..]  builds each and runs its tests, which must fail; by parts of their names

The second changes SOURCE_DIR, which must be a copy, and puts it back after each."""

import pathlib
import re
import subprocess
import sys

from mutants import MUTANTS

TEST_CASE = re.compile(r'^TEST_CASE\("((?:[^"\\]|\\.)*)"', re.MULTILINE)
PROGRAMS = {"system": "system_tests", "aggregator": "aggregator_tests"}
TARGETS = ["system_tests", "aggregator_tests", "shm_aggregator", "shmtop", "shmdump", "shmrun"]


def programs_by_test(source):
    return {name: program
            for room, program in PROGRAMS.items()
            for file in sorted((source / "tests" / room).glob("*_test.cpp"))
            for name in TEST_CASE.findall(file.read_text())}


def program_of(test, programs):
    found = {program for name, program in programs.items() if name.startswith(test)}
    return found.pop() if len(found) == 1 else None


def problems(source):
    programs = programs_by_test(source)
    for mutant in MUTANTS:
        for edit in mutant.edits:
            count = (source / edit.file).read_text().count(edit.old)
            if count != 1:
                yield f"{mutant.name}: its text is {count} times in {edit.file}"
        for test in mutant.tests:
            if program_of(test, programs) is None:
                yield f"{mutant.name}: no test case begins with '{test}'"


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def survivors(mutant, build, programs):
    """The tests that do not notice."""
    built = run("cmake", "--build", build, "--target", *TARGETS)
    if built.returncode != 0:
        return ["it does not compile:\n" + built.stdout[-2000:]]
    results = {test: run(build / "tests" / program_of(test, programs), test.replace(",", "\\,") + "*")
               for test in mutant.tests}
    return [test for test, result in results.items() if result.returncode == 0 or "No tests ran" in result.stdout]


def try_mutant(mutant, source, build, programs):
    before = {}
    try:
        for edit in mutant.edits:
            file = source / edit.file
            text = file.read_text()
            before.setdefault(file, text)
            file.write_text(text.replace(edit.old, edit.new))
        return survivors(mutant, build, programs)
    finally:
        for file, text in before.items():
            file.write_text(text)


def run_all(source, build, names):
    programs = programs_by_test(source)
    chosen = [mutant for mutant in MUTANTS if not names or any(name in mutant.name for name in names)]
    survived = 0
    for mutant in chosen:
        left = try_mutant(mutant, source, build, programs)
        survived += bool(left)
        print(f"{'SURVIVED' if left else 'caught  '}  {mutant.name}", *left, sep="\n          ", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} mutants caught")
    return bool(chosen) and survived == 0


def main(arguments):
    if arguments[:1] == ["--check"] and len(arguments) == 2:
        found = list(problems(pathlib.Path(arguments[1])))
        print(*found, f"{len(MUTANTS)} mutants, {len(found)} problems", sep="\n")
        return 1 if found else 0
    if len(arguments) >= 2:
        source, build = (pathlib.Path(path) for path in arguments[:2])
        return 0 if run_all(source, build, arguments[2:]) else 1
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
