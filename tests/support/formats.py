#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""formats.py KIND FILE [SCHEMA]: reads what a tool wrote with parsers that others wrote.

  json FILE SCHEMA    every line is a document of the JSON schema
  schema FILE SCHEMA  the schema demands and types every field of the contract: the document without one is refused
  csv FILE            prints the rows as a JSON array of objects
  prom FILE           prints the samples as a JSON array of [name, labels, value]

Exits with 1 and says what is wrong on stderr, with 77 if a parser is not installed.
"""
import copy
import csv
import json
import shutil
import subprocess
import sys

SKIPPED = 77

# Where the fields are, and which there must be. A later version may add some.
CONTRACT = {
    "": "schema namespace time_unix_ns aggregator events devices processes exited",
    "aggregator": "pid alive exact publish_seq publish_age_ns start_count",
    "events": "reported applied pending coalesced dropped unknown_frees ambiguous_frees implicit_frees rejected"
              " quarantined_processes",
    "devices.0": "device name live_bytes live_buffers peak_bytes peak_exact capacity_bytes allocations_total"
                 " allocated_bytes_total deallocations_total deallocated_bytes_total allocation_failures_total types",
    "devices.0.types.0": "type live_bytes live_buffers peak_bytes capacity_bytes allocations_total"
                         " allocated_bytes_total deallocations_total deallocated_bytes_total",
    "processes.0": "pid comm uid exact live_bytes live_buffers peak_bytes peak_exact reported applied pending"
                   " coalesced dropped devices",
    "processes.0.devices.0": "device type live_bytes live_buffers peak_bytes",
    "exited.0": "pid comm clean end_unix_ns leaked_bytes leaked_buffers peak_bytes",
}


def fail(message):
    print(message, file=sys.stderr)
    sys.exit(1)


def need(module):
    try:
        return __import__(module, fromlist=["_"])
    except ImportError:
        print(f"python3 has no module {module}", file=sys.stderr)
        sys.exit(SKIPPED)


def validator(schema_path):
    jsonschema = need("jsonschema")
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    cls = jsonschema.validators.validator_for(schema)
    cls.check_schema(schema)
    return cls(schema)


def check_json(path, schema_path):
    check = validator(schema_path)
    with open(path, encoding="utf-8") as file:
        lines = file.readlines()
    if not lines:
        fail("no document")
    for line in lines:
        for error in check.iter_errors(json.loads(line)):
            fail(f"{'.'.join(map(str, error.path))}: {error.message}")


def part(document, where):
    for key in where.split(".") if where else []:
        document = document[int(key) if key.isdigit() else key]
    return document


def check_schema(path, schema_path):
    check = validator(schema_path)
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    if not check.is_valid(document):
        fail("the document itself is not valid")
    for where, names in CONTRACT.items():
        for name in names.split():
            without = copy.deepcopy(document)
            del part(without, where)[name]
            if check.is_valid(without):
                fail(f"a document without {where}.{name} is valid")
            mistyped = copy.deepcopy(document)
            part(mistyped, where)[name] = {"no": "such type"} if name != "aggregator" else 7
            if check.is_valid(mistyped):
                fail(f"a document with a strange {where}.{name} is valid")
        more = copy.deepcopy(document)
        part(more, where)["a field of a later version"] = 1
        if not check.is_valid(more):
            fail(f"a further field in {where} makes the document invalid")


def read_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    if any(len(row) != len(rows[0]) for row in rows):
        fail("rows have different lengths")
    print(json.dumps([dict(zip(rows[0], row)) for row in rows[1:]]))


def read_prom(path):
    parser = need("prometheus_client.parser")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    samples = []
    seen = set()
    for family in parser.text_string_to_metric_families(text):
        if family.type == "unknown" or not family.documentation:
            fail(f"{family.name} has no type or no help")
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            if key in seen:
                fail(f"twice: {key}")
            seen.add(key)
            samples.append([sample.name, sample.labels, sample.value])
    if shutil.which("promtool"):
        lint = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
        if lint.returncode != 0:
            fail(f"promtool: {lint.stdout}{lint.stderr}")
    print(json.dumps(samples))


KINDS = {"json": check_json, "schema": check_schema, "csv": read_csv, "prom": read_prom}

if __name__ == "__main__":
    KINDS[sys.argv[1]](*sys.argv[2:])
