"""What lab.toml says of a declared instrument's parameters: it holds, or it is refused by its path before opening."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qctl.errors import LimitError, QctlError, RefusedError, RequestError
from qctl.instruments import registry
from qctl.instruments.commands import Command
from qctl.instruments.declared import Declaration
from qctl.instruments.lakeshore_372 import MODEL372
from qctl.instruments.links.rehearsal import RehearsalLink
from qctl.instruments.links.transcript import TranscriptLink
from qctl.instruments.raw import speak
from qctl.lab import Instrument, parse_lab
from qctl.lab.rack import Output, ParameterRule
from qctl.units import Limits

BOX = Declaration(
    (
        Command("SOURce:LEVel", "level_v", "Level", "V", limits=Limits(-30, 30), resolution=1e-3),
        Command("SOURce:TIMes", "times_s", "Times", "s", kind=list, limits=Limits(0, 9)),
        Command("OUTPut[:STATe]", "output_on", "Output", kind=bool),
        Command("SOURce:FUNCtion", "function", "Function", kind=str, words=("VOLT", "CURR")),
        Command("DISPlay:TEXT", "text", "Text", kind=str),
        Command("SENSe:DATA", "reading_v", "Reading", "V", settable=False),
        Command("INITiate", "start", kind=type(None), askable=False),
    ),
    needs=("level_v", "function", "output_on"),
)


def entry(model: str = "acme-box", **rules: dict[str, Any]) -> Instrument:
    parameter = {name: ParameterRule(name=name, **values) for name, values in rules.items()}
    return Instrument(name="box0", model=model, address="TCPIP::127.0.0.1::1::SOCKET", parameter=parameter)


def told(made: Declaration, instrument: Instrument, act: Callable[[Any], object]) -> tuple[list[str], str]:
    """Return what was sent, and the error."""
    link = RehearsalLink("box0")
    try:
        act(made.over(link, instrument))
    except QctlError as error:
        return link.sent, f"{type(error).__name__}: {error.message}"
    return link.sent, ""


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({"levle_v": {"limits": (0.0, 1.0)}}, "levle_v: there is no such parameter, did you mean level_v?"),
        ({"x": {"safe": 1.0}}, "x: there is no such parameter; there are function, level_v, output_on, text, times_s"),
        ({"reading_v": {"limits": (0.0, 1.0)}}, "reading_v: it can't be set"),
        ({"start": {"words": ("GO",)}}, "start: it is an action"),
        ({"level_v": {"words": ("1",)}}, "level_v.words: it is a number, and is bounded by limits"),
        ({"times_s": {"words": ("1",)}}, "times_s.words: it is a number, and is bounded by limits"),
        ({"function": {"limits": (0.0, 1.0)}}, "function.limits: it is no number, and is bounded by words"),
        ({"text": {"limits": (0.0, 1.0)}}, "text.limits: it is no number, and is bounded by words"),
        ({"output_on": {"words": ("OFF",)}}, "output_on.words: it is true or false: limits = .0, 0. keeps it off"),
        ({"function": {"words": ("VOLT", "LOUD")}}, "function.words: 'LOUD' is not one of VOLT, CURR"),
        ({"level_v": {"safe": 0.0}}, "level_v.safe: .*has no limits or words in lab.toml"),
        ({"function": {"safe": "VOLT"}}, "function.safe: .*has no limits or words in lab.toml"),
        ({"level_v": {"limits": (0.0, 99.0), "safe": 50.0}}, r"level_v.safe: .*50 is outside \[-30, 30\]"),
        ({"text": {"safe": "a;OUTP 1"}}, "text.safe: .*';'"),
        ({"output_on": {"limits": (0.0, 0.0), "safe": True}}, r"output_on.safe: .*1 is outside \[0, 0\]"),
    ],
)  # fmt: skip
def test_rule_that_would_not_hold_is_refused_by_its_path(rules: dict[str, Any], says: str) -> None:
    link = RehearsalLink("box0")
    with pytest.raises(RequestError, match=r"^instruments\.box0\.parameter\." + says):
        BOX.over(link, entry(**rules))
    assert link.sent == []


def test_heater_is_not_opened_by_limits_of_another_kind() -> None:
    """``limits`` are no words: they let all words of the heater's range be set once, 100 mA among them."""
    for rules in ({"output0_range": {"limits": (0.0, 1.0)}}, {"output0_setpoint_k": {"words": ("0.01",)}}):
        with pytest.raises(RequestError, match=r"is bounded by"):
            MODEL372.over(RehearsalLink("box0"), entry("lakeshore-372", **rules))


@pytest.mark.parametrize("name", ["level_v", "function", "output_on"])
def test_what_lab_toml_must_bound_is_closed_without(name: str) -> None:
    value = {"level_v": 1.0, "function": "VOLT", "output_on": True}[name]
    sent, error = told(BOX, entry(), lambda device: device.set(name, value))
    assert (sent, error.partition(":")[0]) == ([], "LimitError")


def test_output_that_lab_toml_keeps_off_stays_off() -> None:
    off = entry(output_on={"limits": (0.0, 0.0)})
    for act in (
        lambda device: device.set("output_on", True),
        lambda device: speak(device, off, "OUTP ON", BOX.commands),
    ):
        sent, error = told(BOX, off, act)
        assert (sent, error) == ([], "LimitError: box0: output_on = 1 is outside [0, 0]")
    assert told(BOX, off, lambda device: device.set("output_on", False)) == (["OUTP 0"], "")


@pytest.mark.parametrize(
    "value",
    ["A;OUTP 1", "A\nOUTP 1", "A\rOUTP 1", 'A",1;"', "µ", "A\0B", "A\x1bB", "x" * 257, "", None, 1, ["A"], True],
)
def test_text_that_could_hide_another_command_is_not_sent(value: Any) -> None:
    sent, error = told(BOX, entry(), lambda device: device.set("text", value))
    assert sent == []
    assert error.startswith("RequestError: box0: text = ")
    assert len(error) < 400


def test_quoted_text_of_a_script_is_no_way_round() -> None:
    sent, error = told(BOX, entry(), lambda device: speak(device, entry(), 'DISP:TEXT "A;OUTP 1"', BOX.commands))
    assert (sent, error.partition(":")[0]) == ([], "RequestError")


def test_text_keeps_its_case() -> None:
    assert told(BOX, entry(), lambda device: device.set("text", "Cold plate 2")) == (["DISP:TEXT Cold plate 2"], "")


def test_number_too_large_for_a_float_is_outside() -> None:
    bounded = entry(level_v={"limits": (0.0, 1.0)})
    sent, error = told(BOX, bounded, lambda device: device.set("level_v", 10**400))
    assert (sent, error.partition(":")[0]) == ([], "LimitError")


def test_safe_state_goes_on_where_one_value_is_refused() -> None:
    made = Declaration(
        (Command("SOURce:LEVel", "level_v", "Level", "V", limits=Limits(-30, 30)),
         Command("OUTPut[:STATe]", "output_on", "Output", kind=bool)),
        safe={"level_v": 0.0, "output_on": False},
    )  # fmt: skip
    ok = ("SYST:ERR?", '0,"No error"')
    turns = [("SOUR:LEV 0", None), ("SYST:ERR?", '-221,"Settings conflict"'), ok, ("OUTP 0", None), ok, ("OUTP?", "0")]
    with TranscriptLink(turns, "box0") as link, pytest.raises(RefusedError, match="Settings conflict"):
        made.over(link, entry()).safe()


def test_safe_values_of_a_source_are_set_too() -> None:
    toml = """
[instruments.lo9]
model = "keysight-e8257d"
address = "TCPIP::127.0.0.1::9::SOCKET"
frequency_hz = 5e9
power_dbm = -10.0
limits = { frequency_hz = [4e9, 6e9], power_dbm = [-60.0, 0.0] }
safe = { output = false, power_dbm = -60.0 }
parameter.modulation_on = { safe = false }
"""
    from qctl.instruments.keysight_e8257d import E8257D

    link = RehearsalLink("lo9")
    E8257D.over(link, parsed(toml).instrument("lo9")).safe()
    assert link.sent == ["OUTP 0", "POW -60", "OUTP:MOD 0"]


def parsed(toml: str) -> Any:
    from pathlib import Path

    return parse_lab((Path(__file__).parents[1] / "support" / "transmon5.toml").read_text("utf-8") + toml)


def test_voltage_has_both_its_outputs_and_its_own_limits() -> None:
    from qctl.instruments.qdevil_qdac2 import QDAC2

    output = Output(number=1, limits_v=(-2.0, 2.0), slew_v_per_s=1.0, safe_v=0.0)
    rule = ParameterRule(name="output1_voltage_v", limits=(-0.5, 3.0))
    instrument = Instrument(
        name="dc0", model="qdevil-qdac2", address="TCPIP::127.0.0.1::1::SOCKET", output={1: output},
        parameter={"output1_voltage_v": rule},
    )  # fmt: skip
    device = QDAC2.over(RehearsalLink("dc0"), instrument)
    for value in (-0.6, 2.1):
        with pytest.raises(LimitError, match=r"is outside \[-0.5, 2\]"):
            speak(device, instrument, f"SOUR1:VOLT {value}", QDAC2.commands)


def test_rules_are_checked_before_anything_is_opened() -> None:
    good = entry("lakeshore-372", output0_range={"words": ("OFF", "31.6uA")})
    registry.check_entry(good)
    with pytest.raises(RequestError, match=r"output0_rnge: there is no such parameter, did you mean output0_range"):
        registry.check_entry(entry("lakeshore-372", output0_rnge={"words": ("OFF",)}))
    with pytest.raises(RequestError, match=r"parameter.output1_offset_v: .*tektronix-awg5014c takes no rules"):
        registry.check_entry(entry("tektronix-awg5014c", output1_offset_v={"limits": (0.0, 0.1)}))
    with pytest.raises(RequestError, match=r"limits.power_dbm is missing"):
        registry.check_entry(entry("keysight-e8257d"))


class TestRawTextThatIsPassedOn:
    """With ``allow_raw``: the driver's own way of confirming, whatever the box has."""

    def act(self, made: Declaration, turns: list[Any], text: str) -> Any:
        instrument = Instrument(name="box0", model="x", address="TCPIP::127.0.0.1::1::SOCKET", allow_raw=True)
        with TranscriptLink(turns, "box0") as link:
            return speak(made.over(link, instrument), instrument, text, made.commands)

    def test_box_without_error_queue_is_not_asked_for_errors(self) -> None:
        made = Declaration(BOX.commands, error_query="")
        assert self.act(made, [("CRVHDR 21,x", None)], "CRVHDR 21,x") is None

    def test_box_that_answers_settings_is_listened_to(self) -> None:
        made = Declaration(BOX.commands, error_query="", answer="1")
        assert self.act(made, [("SETP=3", "1")], "SETP=3") == "1"

    def test_box_with_an_error_queue_of_its_own_is_asked_by_it(self) -> None:
        made = Declaration(BOX.commands, error_query="ERR?")
        with pytest.raises(RefusedError, match=r"5,bad"):
            self.act(made, [("FOO 1", None), ("ERR?", "5,bad"), ("ERR?", "0,none")], "FOO 1")
