"""Firmware that takes or gives numbers in another form than lab.toml says: the error says which key tells the form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qctl.errors import DeviceError, LimitError, RefusedError
from qctl.instruments.described import declaration_of
from qctl.instruments.links.transcript import TranscriptLink
from qctl.lab import parse_lab
from qctl.server.read_back import differences
from qctl.units import agree

BASE = (Path(__file__).parents[1] / "support" / "transmon5.toml").read_text()
BOX = '[instruments.box]\nmodel = "line-firmware"\naddress = "ASRL/dev/ttyX0::INSTR"\n'
SAID = 'lines = { answer = "OK", refusals = ["ERR"] }\n'


def device(turns: list[tuple[str, str]], parameter: str) -> Any:
    """Return a described instrument over a written conversation."""
    entry = parse_lab(f"{BASE}\n{BOX}{SAID}parameter.a_v = {parameter}\n").instrument("box")
    return declaration_of(entry).over(TranscriptLink(turns, "box"), entry)  # type: ignore[arg-type]


A = '{ send = "A {value} V", ask = "A?", limits = [-1, 1]'


@pytest.mark.parametrize(
    ("value", "turns", "words"),
    [
        (1e-7, [("A 1e-07 V", "ERR 2")], r"refused a_v = 1e-07 \(A 1e-07 V\): ERR 2; 1e-07 has an exponent, and "
         r"digits = 9 in lab.toml would send 0.000000100"),
        (1 / 3, [("A 0.333333333333 V", "ERR 2")], r"ERR 2; 0.333333333333 has many digits, and digits = 3 .* 0.333$"),
        (0.5, [("A 0.5 V", "ERR 3 range")], r"box refused a_v = 0.5 \(A 0.5 V\): ERR 3 range$"),
        (0.1234, [("A 0.1234 V", "OK"), ("A?", "0.123")], r"a_v was set to 0.1234 but reads 0.123; where it "
         r"keeps fewer digits, lab.toml says so by digits or resolution$"),
        (0.5, [("A 0.5 V", "OK"), ("A?", "0.1")], r"a_v was set to 0.5 but reads 0.1$"),
    ],
)  # fmt: skip
def test_a_refused_number_says_how_another_form_is_sent(value: float, turns: Any, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        device(turns, A + " }").set("a_v", value)


@pytest.mark.parametrize(
    ("rest", "answer", "words"),
    [
        (" }", "0.500 V", r"box answered '0.500 V' where a_v was due; if it is 0.500, say reply = "
         r"'{value} V' in lab.toml$"),
        (" }", "A=+1.5E-3V", r"say reply = 'A={value}V'"),
        (" }", "0,5", r"'0,5' where a_v was due; a number has a point, not a comma$"),
        (" }", "open", r"box answered 'open' where a_v was due$"),
        (', reply = "A = {value} V" }', "A=0.5V", r"say reply = 'A={value}V'"),
        (', kind = "whole" }', "1.0", r'a_v was due; kind = "whole" has digits alone'),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_number_says_how_it_is_read(rest: str, answer: str, words: str) -> None:
    with pytest.raises(DeviceError, match=words):
        device([("A?", answer)], A + rest).get("a_v")


def test_true_and_false_are_no_numbers() -> None:
    box = device([], A + " }")
    with pytest.raises(LimitError, match="box: a_v = True is true or false, and a number is wanted; it was not sent"):
        box.set("a_v", True)


@pytest.mark.parametrize("answer", ["OPENING", "OPEN_FAULT", "CLOSED? NO", "open error 3"])
def test_a_word_is_none_of_another_that_begins_like_it(answer: str) -> None:
    box = device([("W?", answer)], '{ send = "W {value}", ask = "W?", words = ["OPEN", "CLOSED"] }')
    with pytest.raises(DeviceError, match="where a_v was due"):
        box.get("a_v")


def test_a_word_may_come_in_small_letters() -> None:
    assert (
        device([("W?", "open")], '{ send = "W {value}", ask = "W?", words = ["OPEN", "CLOSED"] }').get("a_v") == "OPEN"
    )


def test_a_value_that_is_rounded_past_its_limits_is_refused_and_else_kept_as_it_is_sent() -> None:
    box = device([("A 1 V", "OK"), ("A?", "1")], '{ send = "A {value} V", ask = "A?", limits = [0, 1.4], digits = 0 }')
    assert box.settings.checked("a_v", 1.4) == 1.0
    box.set("a_v", 1.2)
    with pytest.raises(LimitError, match=r"a_v = 0.7 would be sent as 1, in steps of 1, outside \[0, 0.7\]"):
        device([], '{ send = "A {value} V", ask = "A?", limits = [0, 0.7], digits = 0 }').set("a_v", 0.7)


def modbus(turns: list[tuple[str, str]], register: str, rest: str) -> Any:
    """Return a Modbus unit over a written conversation."""
    said = 'model = "modbus-firmware"\naddress = "ASRL/dev/ttyX0::INSTR"\nmodbus = { identity = "input 1" }\n'
    rule = f'parameter.a = {{ register = "{register}", {rest} }}\n'
    entry = parse_lab(f"{BASE}\n[instruments.box]\n{said}{rule}").instrument("box")
    return declaration_of(entry).over(TranscriptLink(turns, "box"), entry)  # type: ignore[arg-type]


BIG = "limits = [0, 4294967295]"


@pytest.mark.parametrize(
    ("register", "rest", "value", "right", "wrong"),
    [
        ("holding 0 uint32", BIG, 4294967295, "4294967295", "4294967294"),
        ("holding 0 uint32", 'kind = "whole", ' + BIG, 3000000000, "3000000000", "3000000001"),
        ("holding 0 uint32 / 10", BIG, 400000000.1, "400000000.1", "400000000.2"),
        ("holding 0 float32", BIG, 0.1, "0.100000001", "0.10000003"),
    ],
)
def test_a_register_is_read_back_as_exactly_as_it_holds_a_value(
    register: str, rest: str, value: float, right: str, wrong: str
) -> None:
    sent = f"{register} = {value}"
    box = modbus([(sent, "OK"), (register, right), (sent, "OK"), (register, wrong)], register, rest)
    box.set("a", value)
    with pytest.raises(RefusedError, match=r"a was set to .* but reads"):
        box.set("a", value)
    found = type(value)(right)
    assert box.agrees("a", value, found)
    assert not box.agrees("a", value, type(value)(wrong))
    assert not box.agrees("a", value, None)


def test_what_is_lost_of_a_register_is_told_to_the_last_digit() -> None:
    box = modbus([("holding 0 uint32", "4294967294")] * 2, "holding 0 uint32", BIG)
    object.__setattr__(box.settings, "commands", box.settings.commands[1:])  # its identity is not asked here
    found = differences("box", box, {"a": 4294967295})
    assert [(one["set"], one["found"]) for one in found] == [(4294967295, 4294967294.0)]
    assert differences("box", box, {"a": 4294967294}) == []


def test_a_setting_without_end_is_the_one_that_is_read() -> None:
    infinite = float("inf")
    assert agree(infinite, infinite, 0.1, 1e-6)
    assert not agree(infinite, -infinite)
    assert not agree(1.0, infinite, 0.1)
