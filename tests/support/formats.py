#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""formats.py KIND FILE [SCHEMA]: reads what a tool wrote with parsers that others wrote.

  json FILE SCHEMA    every line is a document of the JSON schema
  schema FILE SCHEMA  the schema demands and types every field of the contract: the document without one is refused
  csv FILE            prints the rows as a JSON array of objects
  prom FILE           prints the samples as a JSON array of [name, labels, value]
  chrome FILE         a trace: prints its events
  pprof FILE          a profile: prints its samples as [[frames, root first], {value type: value}]

Exits with 1 and says what is wrong on stderr, with 77 if a parser is not installed.
"""
import copy
import csv
import gzip
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


# Which fields an event of a kind must have, besides its name.
TRACE_FIELDS = {"M": {"pid", "args"}, "C": {"pid", "ts", "args"}, "i": {"pid", "tid", "ts", "s"}}


def read_chrome(path):
    with open(path, encoding="utf-8") as file:
        trace = json.load(file)
    last = {}
    for event in trace["traceEvents"]:
        kind = event["ph"]
        if kind not in TRACE_FIELDS or not isinstance(event["name"], str):
            fail(f"what is {event}?")
        missing = TRACE_FIELDS[kind] - event.keys()
        if missing:
            fail(f"no {missing} in {event}")
        if kind != "C":
            continue
        if not event["args"] or not all(isinstance(value, int) for value in event["args"].values()):
            fail(f"not all of {event} are numbers")
        track = (event["pid"], event["name"])
        if event["ts"] < last.get(track, 0):
            fail(f"{track} goes back in time")
        last[track] = event["ts"]
    print(json.dumps(trace["traceEvents"]))


# profile.proto of github.com/google/pprof: message -> (name, number, type, is repeated); a message's name is a type.
PROFILE_PROTO = {
    "ValueType": [("type", 1, "int64", False), ("unit", 2, "int64", False)],
    "Label": [("key", 1, "int64", False), ("str", 2, "int64", False), ("num", 3, "int64", False),
              ("num_unit", 4, "int64", False)],
    "Sample": [("location_id", 1, "uint64", True), ("value", 2, "int64", True), ("label", 3, "Label", True)],
    "Mapping": [("id", 1, "uint64", False)],
    "Line": [("function_id", 1, "uint64", False), ("line", 2, "int64", False)],
    "Location": [("id", 1, "uint64", False), ("mapping_id", 2, "uint64", False), ("address", 3, "uint64", False),
                 ("line", 4, "Line", True), ("is_folded", 5, "bool", False)],
    "Function": [("id", 1, "uint64", False), ("name", 2, "int64", False), ("system_name", 3, "int64", False),
                 ("filename", 4, "int64", False), ("start_line", 5, "int64", False)],
    "Profile": [("sample_type", 1, "ValueType", True), ("sample", 2, "Sample", True), ("mapping", 3, "Mapping", True),
                ("location", 4, "Location", True), ("function", 5, "Function", True),
                ("string_table", 6, "string", True), ("drop_frames", 7, "int64", False),
                ("keep_frames", 8, "int64", False), ("time_nanos", 9, "int64", False),
                ("duration_nanos", 10, "int64", False), ("period_type", 11, "ValueType", False),
                ("period", 12, "int64", False), ("comment", 13, "int64", True),
                ("default_sample_type", 14, "int64", False)],
}


def profile_class():
    protobuf = need("google.protobuf")
    descriptor_pb2 = need("google.protobuf.descriptor_pb2")
    need("google.protobuf.descriptor_pool")
    need("google.protobuf.message_factory")
    file = descriptor_pb2.FileDescriptorProto(name="profile.proto", package="perftools.profiles", syntax="proto3")
    for name, fields in PROFILE_PROTO.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind, repeated in fields:
            field = message.field.add(name=field_name, number=number)
            field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            if kind in PROFILE_PROTO:
                field.type, field.type_name = field.TYPE_MESSAGE, f".perftools.profiles.{kind}"
            else:
                field.type = getattr(field, f"TYPE_{kind.upper()}")
    pool = protobuf.descriptor_pool.DescriptorPool()
    pool.Add(file)
    descriptor = pool.FindMessageTypeByName("perftools.profiles.Profile")
    return protobuf.message_factory.MessageFactory(pool).GetPrototype(descriptor)


def unknown_fields(message):
    """Of a message and all in it."""
    count = len(message.UnknownFields())
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part_of in value if field.label == field.LABEL_REPEATED else [value]:
                count += unknown_fields(part_of)
    return count


def by_id(rows):
    found = {row.id: row for row in rows}
    if len(found) != len(rows) or 0 in found:
        fail("ids are used twice, or are 0")
    return found


def read_pprof(path):
    profile = profile_class()()
    with gzip.open(path) as file:
        profile.ParseFromString(file.read())
    strings = list(profile.string_table)
    if not strings or strings[0] != "" or len(set(strings)) != len(strings):
        fail(f"a bad string table: {strings}")
    if unknown_fields(profile):
        fail("there are fields that profile.proto does not know")
    functions, locations = by_id(profile.function), by_id(profile.location)
    types = [(strings[kind.type], strings[kind.unit]) for kind in profile.sample_type]
    if types != [("live_objects", "count"), ("live_bytes", "bytes")]:
        fail(f"value types {types}")
    if strings[profile.default_sample_type] != "live_bytes" or profile.time_nanos == 0:
        fail("no default value type, or no time")
    samples = []
    for sample in profile.sample:
        frames = [strings[functions[locations[id].line[0].function_id].name] for id in sample.location_id]
        samples.append([frames[::-1], dict(zip([name for name, _ in types], sample.value, strict=True))])
    print(json.dumps(samples))


KINDS = {"json": check_json, "schema": check_schema, "csv": read_csv, "prom": read_prom, "chrome": read_chrome,
         "pprof": read_pprof}

if __name__ == "__main__":
    KINDS[sys.argv[1]](*sys.argv[2:])
