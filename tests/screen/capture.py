# SPDX-License-Identifier: Apache-2.0
"""Prints what shmtop shows amid the acceptance workload: the picture in README.md. TRACKSHM_BINARY_DIR says which."""

import os
import subprocess

from support import BINARY_DIR, Aggregator, ConfigHome, Namespace, Terminal, environment

ROUNDS_BEFORE = 3  # for the graphs to have something to show


def main():
    namespace, config = Namespace(), ConfigHome()
    aggregator = Aggregator(namespace, "--quiet")
    mesh = subprocess.Popen([os.path.join(BINARY_DIR, "tools/mesh_workload"), "--rounds", "9", "--step-ms", "1500"],
                            stdout=subprocess.PIPE, text=True,
                            env=environment({"TRACKSHM": "1", "TRACKSHM_NAMESPACE": namespace.name}))
    terminal = Terminal(["--namespace", namespace.name, "-r", "200"], 31, 112, {"XDG_CONFIG_HOME": config.path})
    try:
        for line in mesh.stdout:
            if line.startswith(f"round {ROUNDS_BEFORE + 1} step 4"):
                break
            terminal.read()
        terminal.wait_for("24 buffers", "10.0 MiB")
        terminal.read()
        print(terminal.text().replace(namespace.name, "default"))
    finally:
        mesh.kill()
        mesh.wait()
        for thing in (terminal, aggregator, namespace, config):
            thing.close()


main()
