"""Descriptions of firmware in lab.toml: what does not fit together is refused with its path."""

from __future__ import annotations

from pathlib import Path

import pytest

from qctl.errors import RequestError
from qctl.instruments.registry import check_entry
from qctl.lab import parse_lab
from qctl.lab.groups import groups_of

BASE = (Path(__file__).parents[1] / "support" / "transmon5.toml").read_text()
LINES = '[instruments.box]\nmodel = "line-firmware"\naddress = "ASRL/dev/ttyX0::INSTR"\n'
MODBUS = '[instruments.box]\nmodel = "modbus-firmware"\naddress = "ASRL/dev/ttyX0::INSTR"\n'
SAID, UNIT = 'lines = { answer = "OK" }\n', 'modbus = { identity = "input 1" }\n'


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (LINES + 'parameter.a = { ask = "A" }\n', "instruments.box.lines: is missing"),
        (LINES + SAID, "instruments.box.parameter: has none"),
        (
            LINES + 'lines = { end = "é" }\n' + 'parameter.a = { ask = "A" }\n',
            "lines.end: 'é' has characters that are no",
        ),
        (LINES + SAID + UNIT + 'parameter.a = { ask = "A" }\n', "modbus: is for the model modbus-firmware, not for"),
        (LINES + SAID + "parameter.a = { limits = [0, 1] }\n", "parameter.a.ask: is missing, and send too"),
        (LINES + SAID + 'parameter.a = { send = "A", limits = [0, 1] }\n', "a.send: 'A' has {value} 0 times"),
        (
            LINES + SAID + 'parameter.a = { ask = "A", limits = [0, 1] }\n',
            "a.limits: is for parameters that can be set",
        ),
        (LINES + SAID + 'parameter.a = { ask = "A", register = "coil 0" }\n', "a.register: is not for line-firmware"),
        (LINES + SAID + 'parameter.a = { ask = "A", words = ["x"], codes = ["1", "2"] }\n', "a.codes: has 2 for 1"),
        (LINES + SAID + 'parameter.a = { ask = "A", words = ["x"], kind = "switch" }\n', "a.kind: switch has no words"),
        (LINES + 'lines = { checksum = "md5" }\nparameter.a = { ask = "A" }\n', "lines.checksum: 'md5' is not one of"),
        (MODBUS + UNIT + "parameter.a = {}\n", "parameter.a.register: is missing"),
        (MODBUS + UNIT + 'parameter.a = { register = "input 0", limits = [0, 1] }\n', "a.limits: is for parameters"),
        (MODBUS + UNIT + 'parameter.a = { register = "coil 0", digits = 2 }\n', "a.digits: is not for modbus"),
        (LINES + SAID + 'parameter.a = { ask = "A\\rB 9" }\n', "a.ask: 'A\\rB 9' has characters that end messages"),
        (LINES + SAID + 'parameter.a = { send = "A {value} {x}", limits = [0, 1] }\n', "without other braces"),
        (LINES + SAID + 'parameter.a = { send = "A {value}", words = ["x", "X"] }\n', "a.words: has one of them twice"),
        (LINES + SAID + 'parameter.a = { send = "A {value}", words = ["x", ""] }\n', "a.words[1]: is empty"),
        (LINES + SAID + 'parameter."a;b" = { ask = "A" }\n', "is no name for a parameter"),
        (LINES + SAID + 'parameter.identity = { ask = "A" }\n', "is no name for a parameter"),
        (
            LINES + SAID + 'parameter.a = { send = "A {value}", limits = [0, 1] }\n'
            'parameter.b = { send = "A {value}", limits = [0, 9] }\n',
            "b.send: is that of a",
        ),
        (LINES + 'lines = { refusals = [""] }\nparameter.a = { ask = "A" }\n', "lines.refusals[0]: is empty"),
        (LINES + 'lines = { identity = "" }\nparameter.a = { ask = "A" }\n', "lines.identity: is empty"),
        (LINES + 'lines = { prefix = "SET 1\\r" }\nparameter.a = { ask = "A" }\n', "lines.prefix: 'SET 1\\r' has"),
        (
            '[instruments.box]\nmodel = "lakeshore-336"\naddress = "ASRL/dev/ttyX0::INSTR"\n'
            'parameter.output1_range = { words = ["off"], unit = "K" }\n',
            "output1_range.unit: is for firmware that lab.toml describes",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(entry: str, words: str) -> None:
    with pytest.raises(RequestError) as found:
        parse_lab(BASE + "\n" + entry)
    assert words in "; ".join(found.value.details["problems"])


def test_a_register_that_is_none_is_refused_before_anything_is_opened() -> None:
    lab = parse_lab(BASE + "\n" + MODBUS + UNIT + 'parameter.a = { register = "holding 0 int8" }\n')
    with pytest.raises(RequestError, match=r"instruments.box.parameter.a.register: .*int8 is not one of int16"):
        check_entry(lab.instruments["box"])


def test_a_safe_value_outside_the_registers_range_is_refused() -> None:
    rule = 'parameter.a = { register = "holding 0 uint16", limits = [-5, 10], safe = -1 }\n'
    lab = parse_lab(BASE + "\n" + MODBUS + UNIT + rule)
    with pytest.raises(RequestError, match=r"parameter.a.safe: .*-1 is outside \[0, 65535\]"):
        check_entry(lab.instruments["box"])


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            'modbus = { identity = "holding 0 = 345" }\nparameter.a = { register = "coil 0" }\n',
            "nor a register to read",
        ),
        (
            UNIT + 'parameter.a = { register = "holding 0", words = ["x", "y"], codes = ["0", "70000"] }\n',
            "a.codes: '70000' is no number from 0 to 65535",
        ),
        (
            UNIT + 'parameter.a = { register = "coil 0", words = ["x", "y"], codes = ["0", "z"] }\n',
            "a.codes: 'z' is no number from 0 to 1",
        ),
    ],
)
def test_what_would_be_written_by_chance_or_fits_no_register_is_refused(entry: str, words: str) -> None:
    lab = parse_lab(BASE + "\n" + MODBUS + entry)
    with pytest.raises(RequestError, match=words):
        check_entry(lab.instruments["box"])


UNIT_2 = "modbus = { identity = 'input 1', unit = 2"
SECOND = MODBUS.replace(".box]", ".other]") + 'parameter.a = { register = "coil 0" }\n'


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("", "modbus = { identity = 'input 1' }\n", r"other.modbus.unit: 1 is that of box on the same line"),
        ("", "modbus = { identity = 'input 1', unit = 0 }\n", r"other.modbus.unit: 0 is not in \[1, 247\]"),
        ("", "modbus = { identity = 'input 1', unit = 248 }\n", r"other.modbus.unit: 248 is not in \[1, 247\]"),
        ("timeout_s = 1.0\n", UNIT_2 + "}\n", r"other.timeout_s: 5.0 is not 1.0 as of box"),
        ("baud = 9600\n", UNIT_2 + "}\n", r"other.baud: None is not 9600 as of box"),
        ("group = 'a'\n", UNIT_2 + "}\n", r"other.group: '' is not 'a' as of box"),
        ("", UNIT_2 + ", parity = 'even' }\n", r"other.modbus.parity: 'even' is not 'none'"),
    ],
)  # fmt: skip
def test_units_that_can_t_share_a_line_are_refused(first: str, second: str, words: str) -> None:
    one = MODBUS + UNIT + first + 'parameter.a = { register = "coil 0" }\n'
    with pytest.raises(RequestError, match=words):
        parse_lab(BASE + "\n" + one + SECOND + second)


def test_units_of_one_line_share_a_host_and_others_share_no_address() -> None:
    one = MODBUS + UNIT + 'parameter.a = { register = "coil 0" }\n'
    lab = parse_lab(BASE + "\n" + one + SECOND + 'modbus = { identity = "input 1", unit = 2 }\n')
    assert groups_of(lab)["box"] == lab.sharing("other") == ("box", "other")
    assert lab.sharing("lo_drive") == ("lo_drive",)
    lines = LINES.replace(".box]", ".other]") + SAID + 'parameter.a = { ask = "A" }\n'
    with pytest.raises(RequestError, match=r"other\.address: ASRL/dev/ttyX0::INSTR is the address of box too"):
        parse_lab(BASE + "\n" + one + lines)


@pytest.mark.parametrize(
    ("first", "second", "which"),
    [
        ("holding 5", "holding 5 uint16", "holding 5 of 'holding 5 uint16' is also in 'holding 5' of a"),
        ("holding 5", "holding  5", "holding 5 of"),
        ("holding 5 / 10", "holding 5 int16", "holding 5 of"),
        ("holding 5 uint32", "holding 6", "holding 6 of 'holding 6' is also in 'holding 5 uint32' of a"),
        ("holding 6 float32", "holding 5 int32", "holding 6 of"),
        ("holding 5 uint32", "holding 5 float32", "holding 5 and 6 of"),
        ("coil 1", "coil  1", "coil 1 of"),
    ],
)
def test_two_names_of_one_register_are_refused(first: str, second: str, which: str) -> None:
    rules = f'parameter.a = {{ register = "{first}" }}\nparameter.b = {{ register = "{second}" }}\n'
    lab = parse_lab(BASE + "\n" + MODBUS + UNIT + rules)
    with pytest.raises(RequestError, match=rf"instruments\.box\.parameter\.b\.register: {which}"):
        check_entry(lab.instruments["box"])


def test_registers_beside_each_other_and_of_other_tables_are_taken() -> None:
    registers = ("holding 5 uint32", "holding 7", "input 5", "coil 5", "discrete 5", "holding 4")
    rules = "".join(f'parameter.p{k} = {{ register = "{text}" }}\n' for k, text in enumerate(registers))
    check_entry(parse_lab(BASE + "\n" + MODBUS + UNIT + rules).instruments["box"])
