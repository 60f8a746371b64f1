#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""flags_test.py SOURCE_DIR PROGRAM...: every flag of each program's --help is in its man page and in its completions,
and these have no other. Zsh and fish are asked where they are installed; bash always is."""

import pathlib
import re
import shutil
import subprocess
import sys

FLAG = re.compile(r"--?[A-Za-z0-9][A-Za-z0-9-]*")


def output_of(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def subcommands(help_text):
    """Those of a text by CLI11: the first words of the lines below "Subcommands:"."""
    section = re.search(r"^Subcommands:\n((?:  \S.*\n)*)", help_text, re.MULTILINE)
    return [line.split()[0] for line in section[1].splitlines()] if section else []


def flags_of_help(program):
    """Per subcommand ("" for none) the flags it takes, as --help says."""
    def flags(*words):
        text = output_of(program, *words, "--help")
        options = re.findall(r"^  (-[-,\w]+)", text, re.MULTILINE)
        return {flag for option in options for flag in option.split(",")}, subcommands(text)

    own, commands = flags()
    return {"": own, **{command: flags(command)[0] for command in commands}}


def flags_of_page(page):
    """The flags that a page in mdoc(7) has items for."""
    items = re.findall(r"^\.It Fl (.*)$", page.read_text(), re.MULTILINE)
    flags = set()
    for item in items:
        words = re.split(r" (?:Ar|Ns) ", item)[0]
        flags |= {"-" + word for word in words.replace(",", " ").split()}
    return flags


def flags_of_bash(source, program, words):
    """What it offers for a word that begins with a dash."""
    line = [program, *words, "-"]
    script = (
        'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); "_$1"; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    answer = output_of("bash", "--norc", "-c", script, "bash", str(source), *line)
    return {word for word in answer.split() if FLAG.fullmatch(word)}


def flags_of_zsh(source, program, words):
    """The specifications that it hands to _arguments. Quoted as zsh would: one per line."""
    script = '_arguments() { print -rl -- "$@" }; service=$2; words=("${@:2}"); source $1'
    specs = output_of("zsh", "-f", "-c", script, "zsh", str(source), program, *words)
    found = set()
    for spec in specs.splitlines():
        match = re.match(r"(?:\([^)]*\))?\*?(--?[A-Za-z0-9][A-Za-z0-9-]*)\[", spec)
        if match:
            found.add(match[1])
    return found


def flags_of_fish(directory, program, words):
    """The completions it has for a dash, long and short."""
    script = "set -l line $argv[2]; source $argv[1]; complete -C \"$line --\"; complete -C \"$line -\""
    answer = output_of("fish", "--no-config", "-c", script, str(directory / f"{program}.fish"), " ".join([program, *words]))
    return {line.split("\t")[0] for line in answer.splitlines() if line.startswith("-")}


def check(what, found, expected, failures):
    for flag in sorted(expected - found):
        failures.append(f"{what}: {flag} is missing")
    for flag in sorted(found - expected):
        failures.append(f"{what}: {flag} is not a flag of the program")


def check_program(source_dir, program, failures):
    name = pathlib.Path(program).name
    by_command = flags_of_help(program)
    pages = list((source_dir / "docs/man").glob(f"{name}.[18]"))
    if len(pages) != 1:
        failures.append(f"{name}: {len(pages)} man pages")
        return 0
    check(pages[0].name, flags_of_page(pages[0]), set().union(*by_command.values()), failures)

    completions = source_dir / "tools/completions"
    for command, flags in by_command.items():
        words = [command] if command else []
        # What stands before a command is taken after it as well, but for the version.
        expected = flags | ({flag for flag in by_command[""] if flag == "--namespace"} if command else set())
        what = " ".join([name, *words])
        check(f"bash: {what}", flags_of_bash(completions / "trackshm.bash", name, words), expected, failures)
        if shutil.which("zsh"):
            found = flags_of_zsh(completions / "_trackshm", name, words)
            check(f"zsh: {what}", found - ({"-V", "--version"} if command else set()), expected, failures)
        if shutil.which("fish"):
            found = flags_of_fish(completions / "fish", name, words)
            check(f"fish: {what}", found - ({"-V", "--version"} if command else set()), expected, failures)
    return len(by_command)


def main():
    source_dir = pathlib.Path(sys.argv[1])
    failures = []
    looked_at = sum(check_program(source_dir, program, failures) for program in sys.argv[2:])
    print("\n".join(failures) or f"{looked_at} command lines: help, man page and completions agree")
    if failures or not looked_at:
        return 1
    missing = [shell for shell in ("zsh", "fish") if not shutil.which(shell)]
    if missing:
        print(f"SKIPPED in part: not installed: {' '.join(missing)}")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
