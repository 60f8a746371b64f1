#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fleet_test.py SOURCE_DIR: the dashboard, the alerts and the example configuration name metrics that there are and are
what Grafana and Prometheus can read. promtool, where it is installed, also runs the tests of the alerts and parses every
expression of the dashboard and of the page."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HISTOGRAM_SERIES = ("_bucket", "_sum", "_count")


def metric_names(source_dir):
    """The names in metrics.cpp, which has all of them."""
    text = (source_dir / "tools/common/metrics.cpp").read_text()
    names = set(re.findall(r'"(trackshm_[a-z0-9_]+)"', text))
    assert len(names) > 40, "metrics.cpp does not look as expected"
    return names


def unknown_names(text, names):
    used = set(re.findall(r"\btrackshm_[a-z0-9_]+", text))
    series = names | {name + end for name in names for end in HISTOGRAM_SERIES}
    return sorted(name for name in used - series if not re.search(rf"device:{name}:", text))


def expressions(dashboard):
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def check_dashboard(dashboard, failures):
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(set(ids)) != len(ids):
        failures.append("dashboard: two panels of one id")
    for expression in expressions(dashboard):
        for variable in re.findall(r"\$(\w+)", expression):
            if variable not in variables and not variable.startswith("__"):
                failures.append(f"dashboard: ${variable} is not defined")
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        if cells & taken or place["x"] + place["w"] > 24:
            failures.append(f"dashboard: {panel['title']} lies over another panel or beyond the edge")
        taken |= cells


def promtool(failures, *arguments):
    result = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
    if result.returncode != 0:
        failures.append(f"promtool {arguments[0]} {arguments[1]}: {result.stdout}{result.stderr}")


def expressions_of_page(fleet_dir):
    """What README.md answers questions with."""
    page = (fleet_dir / "README.md").read_text()
    found = re.findall(r"^\| [^|`]*(?:`[^`]*`[^|`]*)?\| `([^`]+)` \|$", page, re.MULTILINE)
    assert len(found) >= 8, "the questions in README.md do not look as expected"
    return found + re.findall(r"promtool query instant \S+ '([^']+)'", page)


def check_with_promtool(fleet_dir, dashboard, failures):
    promtool(failures, "check", "rules", fleet_dir / "rules.yml")
    promtool(failures, "test", "rules", fleet_dir / "rules_test.yml")
    promtool(failures, "check", "config", fleet_dir / "prometheus.yml")
    # Grafana puts a time where the variable is; promtool parses an expression as a rule.
    rules = [
        {"record": f"expression:{index}", "expr": expression.replace("$__rate_interval", "1m")}
        for index, expression in enumerate(expressions(dashboard) + expressions_of_page(fleet_dir))
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        json.dump({"groups": [{"name": "expressions", "rules": rules}]}, file)  # JSON is YAML
        file.flush()
        promtool(failures, "check", "rules", file.name)


def alerts_without_test(fleet_dir):
    alerts = set(re.findall(r"- alert: (\w+)", (fleet_dir / "rules.yml").read_text()))
    tested = set(re.findall(r"alertname: (\w+)", (fleet_dir / "rules_test.yml").read_text()))
    return sorted(alerts - tested)


def main():
    source_dir = pathlib.Path(sys.argv[1])
    fleet_dir = source_dir / "docs/fleet"
    failures = []
    names = metric_names(source_dir)
    for path in sorted(fleet_dir.iterdir()):
        failures += [f"{path.name}: there is no metric {name}" for name in unknown_names(path.read_text(), names)]
    failures += [f"rules_test.yml: no test of {alert}" for alert in alerts_without_test(fleet_dir)]
    dashboard = json.loads((fleet_dir / "dashboard.json").read_text())
    check_dashboard(dashboard, failures)
    has_promtool = shutil.which("promtool") is not None
    if has_promtool:
        check_with_promtool(fleet_dir, dashboard, failures)
    print("\n".join(failures) or "dashboard, alerts and configuration are in order")
    if failures:
        return 1
    if not has_promtool:
        print("SKIPPED: promtool is not installed (Debian package prometheus): alerts and expressions were not run")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
