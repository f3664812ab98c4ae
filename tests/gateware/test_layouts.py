"""What the core and the firmware beside it both say stands in both the same: the bus, operations, faults and sizes."""

from __future__ import annotations

import re

from device import REFERENCE

from qctl.firmware_io.instructions import Op

GATEWARE = REFERENCE / "gateware"


def numbers(text: str, pattern: str) -> dict[str, int]:
    return {name: int(value, 0) for name, value in re.findall(pattern, text)}


def enumerators(file: str, name: str, prefix: str) -> dict[str, int]:
    """Return the enumerators of a C enum without their prefix."""
    text = re.sub(r"/\*.*?\*/", "", (REFERENCE / file).read_text("ascii"), flags=re.DOTALL)
    (inside,) = re.findall(rf"enum {name} \{{(.*?)\}}", text, flags=re.DOTALL)
    found, value = {}, -1
    for one in filter(None, (part.strip() for part in inside.split(","))):
        word, _, given = (part.strip() for part in one.partition("="))
        value = int(given, 0) if given else value + 1
        found[word.removeprefix(prefix)] = value
    return found


def test_the_bus_has_its_registers_where_the_driver_looks() -> None:
    core = (GATEWARE / "core.v").read_text("ascii")
    (text,) = re.findall(r"localparam \[4:0\] (.*?);", core, flags=re.DOTALL)
    there = numbers(text, r"(\w+) = (\d+)")
    assert there == {name: at for name, at in enumerators("gateware/bus.h", "bus_register", "BUS_").items() if at < 32}
    identity = re.findall(r"IDENTITY = 32'h([\d_a-f]+);", core)
    assert identity[0].replace("_", "") in (GATEWARE / "bus.h").read_text("ascii")


def test_operations_and_faults_are_those_of_the_instructions() -> None:
    text = (GATEWARE / "ops.vh").read_text("ascii")
    operations = {name: int(value, 16) for name, value in re.findall(r"OP_(\w+) = 8'h(\w+)", text)}
    assert operations == {op.name: op.value for op in Op}
    faults = numbers(text, r"FAULT_(\w+) = 8'd(\d+)")
    told = enumerators("layouts.h", "fault_code", "FAULT_")
    assert {name: told[name] for name in faults if name != "NONE"} == {
        name: code for name, code in faults.items() if name != "NONE"
    }


def test_the_core_is_as_big_as_its_capabilities_say() -> None:
    limits = numbers((REFERENCE / "limits.h").read_text("ascii"), r"#define (\w+) (\d+)u")
    core = numbers((GATEWARE / "core.v").read_text("ascii"), r"parameter (\w+) = (\d+)")
    for name in ("N_LINES", "N_PINS", "N_INPUTS", "N_TONES", "N_COUNTERS", "START_TICKS"):
        assert core[name] == limits[name], name
    assert core["TRIGGER_LATENCY"] == limits["TRIGGER_LATENCY_TICKS"]
    sizes = {"REGISTER": "N_REGISTERS", "PROGRAM": "MAX_INSTRUCTIONS", "RESULT": "MAX_RESULTS", "TRACE": "MAX_TRACE"}
    for bits, size in sizes.items():
        assert 2 ** core[f"{bits}_BITS"] == limits[size], size
    marks = numbers((GATEWARE / "bus.h").read_text("ascii"), r"#define (MARK_PLACES) (\d+)u")
    assert 2 ** core["MARK_BITS"] == marks["MARK_PLACES"] >= limits["EVENTS"]
