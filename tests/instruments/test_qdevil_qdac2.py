"""The QDAC-II driver: limits and slew on each path (set, list, sweep, safe), transcripts, and the emulated source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qctl.errors import LimitError, RefusedError, RequestError
from qctl.instruments.commands import match_command, parsed_value
from qctl.instruments.links.transcript import TranscriptLink
from qctl.instruments.qdevil_qdac2 import COMMANDS, QDAC2, QdevilQdac2
from qctl.instruments.registry import open_device
from qctl.lab import Instrument, Lab, Output

Named = Callable[..., Instrument]
OK = ("SYST:ERR?", '0,"No error"')
SLEW = ("SOUR1:VOLT:SLEW?", "0.1")


@pytest.fixture
def one(named: Named) -> Instrument:
    return named("dc0", output={1: Output(number=1, limits_v=(-1.0, 1.0), slew_v_per_s=0.1, safe_v=0.25)})


def confirmed(text: str, value: str) -> list[Any]:
    return [(f"{text} {value}", None), OK, (f"{text}?", value)]


def test_voltage_is_sent_after_the_slew_is_known(one: Instrument) -> None:
    turns = [SLEW, ("SOUR1:VOLT:MODE FIX", None), *confirmed("SOUR1:VOLT", "0.5")]
    with TranscriptLink(turns) as link:
        QDAC2.over(link, one).set("output1_voltage_v", 0.5)


def test_slew_of_a_power_cycled_box_is_set_again_before_the_voltage(one: Instrument) -> None:
    turns = [
        ("SOUR1:VOLT:SLEW?", "2e7"),
        *confirmed("SOUR1:VOLT:SLEW", "0.1"),
        ("SOUR1:VOLT:MODE FIX", None),
        *confirmed("SOUR1:VOLT", "-1"),
    ]
    with TranscriptLink(turns) as link:
        QDAC2.over(link, one).set("output1_voltage_v", -1)


def test_whole_number_may_come_as_text(one: Instrument) -> None:
    with TranscriptLink([]) as link:
        settings = QDAC2.over(link, one).settings
        assert settings.checked("output1_sweep_points", "3.0") == 3
        with pytest.raises(LimitError, match="not a whole number"):
            settings.checked("output1_sweep_points", "2.5")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("output1_voltage_v", 1.0001),
        ("output1_voltage_v", -1.0001),
        ("output1_voltage_v", float("nan")),
        ("output1_list_v", [0.0, 1.0001]),
        ("output1_list_v", [0.0, float("nan")]),
        ("output1_list_v", "0,x"),
        ("output1_list_v", 0.5),
        ("output1_sweep_start_v", -1.0001),
        ("output1_sweep_stop_v", float("inf")),
        ("output1_slew_v_per_s", 0.1001),
    ],
)
def test_value_outside_limits_is_never_sent(one: Instrument, name: str, value: Any) -> None:
    with TranscriptLink([]) as link, pytest.raises(LimitError, match=r"output1|list"):
        QDAC2.over(link, one).set(name, value)


def test_list_runs_after_voltages_and_steps_are_checked(one: Instrument) -> None:
    turns = [
        *confirmed("SOUR1:VOLT:MODE", "LIST"),
        *confirmed("SOUR1:LIST:VOLT", "0,0.05,-0.05"),
        *confirmed("SOUR1:LIST:DWEL", "1"),
        SLEW,
        *(("SOUR1:VOLT:MODE?", "LIST"), ("SOUR1:LIST:VOLT?", "0,0.05,-0.05"), ("SOUR1:LIST:DWEL?", "1")),
        *(("SOUR1:DC:TRIG:SOUR IMM", None), ("SOUR1:DC:INIT", None), OK),
    ]
    with TranscriptLink(turns) as link:
        QDAC2.over(link, one).run_list(1, [0, 0.05, -0.05], 1.0)


def test_list_faster_than_the_slew_does_not_start(one: Instrument) -> None:
    turns = [
        SLEW,
        *(("SOUR1:VOLT:MODE?", "LIST"), ("SOUR1:LIST:VOLT?", "0,0.1001"), ("SOUR1:LIST:DWEL?", "1")),
    ]
    with TranscriptLink(turns) as link, pytest.raises(LimitError, match=r"steps of 0.1001 V in 1 s are over 0.1 V/s"):
        QDAC2.over(link, one).set("output1_start", None)


def test_list_that_somebody_else_put_there_is_checked_too(one: Instrument) -> None:
    turns = [SLEW, ("SOUR1:VOLT:MODE?", "LIST"), ("SOUR1:LIST:VOLT?", "0,5")]
    with TranscriptLink(turns) as link, pytest.raises(LimitError, match=r"outside"):
        QDAC2.over(link, one).set("output1_start", None)


@pytest.mark.parametrize(("points", "starts"), [("11", True), ("10", False)])
def test_sweep_at_the_slew_starts_and_faster_does_not(one: Instrument, points: str, starts: bool) -> None:
    turns: list[Any] = [
        *(SLEW, ("SOUR1:VOLT:MODE?", "SWE"), ("SOUR1:SWE:STAR?", "-0.5"), ("SOUR1:SWE:STOP?", "0.5")),
        *(("SOUR1:SWE:DWEL?", "1"), ("SOUR1:SWE:POIN?", points)),
    ]
    if starts:
        turns += [("SOUR1:DC:TRIG:SOUR IMM", None), ("SOUR1:DC:INIT", None), OK]
    with TranscriptLink(turns) as link:
        device = QDAC2.over(link, one)
        if starts:
            device.set("output1_start", None)
        else:
            with pytest.raises(LimitError, match=r"V/s"):
                device.set("output1_start", None)


def test_safe_aborts_and_goes_to_the_safe_voltage(one: Instrument) -> None:
    turns = [
        SLEW,
        *(("SOUR1:DC:ABOR", None), ("SOUR1:VOLT:MODE FIX", None), ("SOUR1:VOLT 0.25", None), OK),
        ("SOUR1:VOLT?", "0.25"),
    ]
    with TranscriptLink(turns) as link:
        QDAC2.over(link, one).safe()


def test_safe_moves_the_others_when_one_refuses_its_slew(named: Named) -> None:
    outputs = {n: Output(number=n, limits_v=(-1.0, 1.0), slew_v_per_s=0.1, safe_v=0.0) for n in (1, 2)}
    fast, refused = ("SOUR1:VOLT:SLEW?", "5"), ("SYST:ERR?", '-221,"Settings conflict"')
    turns = [
        *(fast, ("SOUR1:VOLT:SLEW 0.1", None), refused, OK, ("SOUR1:DC:ABOR", None), ("SOUR2:VOLT:SLEW?", "0.1")),
        *(("SOUR2:DC:ABOR", None), ("SOUR2:VOLT:MODE FIX", None), ("SOUR2:VOLT 0", None), OK, ("SOUR2:VOLT?", "0")),
    ]
    with TranscriptLink(turns) as link, pytest.raises(RefusedError, match="Settings conflict"):
        QDAC2.over(link, named("dc0", output=outputs)).safe()


def test_output_without_slew_is_refused(named: Named) -> None:
    entry = named("dc0", output={1: Output(number=1, limits_v=(-1.0, 1.0))})
    with TranscriptLink([]) as link, pytest.raises(RequestError, match=r"needs slew_v_per_s and safe_v"):
        QDAC2.over(link, entry)


def test_output_that_lab_toml_does_not_name_is_unknown(one: Instrument) -> None:
    with TranscriptLink([]) as link, pytest.raises(RequestError, match=r"output2_voltage_v"):
        QDAC2.over(link, one).set("output2_voltage_v", 0.0)


@pytest.mark.parametrize(
    "text", ["sour1:volt 1.5", "SOURCE1:DC:VOLTAGE:LEVEL:IMMEDIATE:AMPLITUDE 1500 mV", "sour1:list:volt 0,1.5"]
)
def test_raw_text_meets_the_same_limits(one: Instrument, text: str) -> None:
    matched = match_command(text, COMMANDS)
    assert matched is not None
    with TranscriptLink([]) as link, pytest.raises(LimitError):
        QDAC2.over(link, one).set(matched.parameter, parsed_value(matched))


def test_emulated_source_obeys(lab: Lab, named: Named, emulated: Callable[[str, str], Any]) -> None:
    device = open_device(named("dc0", address=emulated("qdevil-qdac2", "dc0").address), lab)
    assert isinstance(device, QdevilQdac2)
    assert device.get("output5_slew_v_per_s") == 0.1
    shown = device.get_all()
    assert (len(shown), shown["output5_slew_v_per_s"], shown["output1_list_v"]) == (1 + 5 * 10, 0.1, [])
    device.set("output1_voltage_v", 1.0)
    assert device.get("output1_voltage_v") == 1.0
    assert abs(device.get("output1_present_v")) < 0.9
    device.run_list(2, [0.0, 0.01, 0.02], 0.1)
    device.run_sweep(3, 0.0, 0.1, 11, 0.1)
    assert (device.get("output2_mode"), device.get("output3_mode")) == ("LIST", "SWE")
    with pytest.raises(LimitError):
        device.run_sweep(3, 0.0, 0.1, 10, 0.1)
    device.safe()
    assert (device.get("output1_voltage_v"), device.get("output2_mode")) == (0.0, "FIX")
    device.close()
