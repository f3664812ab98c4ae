"""The SPI rack's driver: words, codes and spans, limits on every path, in transcripts."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rack_entries import currents, voltages

from qctl.errors import DeviceError, LimitError, RefusedError, RequestError
from qctl.instruments.links.transcript import TranscriptLink
from qctl.instruments.registry import check_entry
from qctl.instruments.spi_rack.d5a import D5A
from qctl.instruments.spi_rack.ltc2758 import SPANS, code_read, code_written, span_read, span_written
from qctl.instruments.spi_rack.s4g import S4G
from qctl.lab import Instrument, parse_lab

# -- words and codes, typed from the data sheet's and the vendor's tables --------------------------


def test_words_are_those_of_the_tables() -> None:
    assert code_written(0, 0b10_1011_0011_1000_1001) == bytes.fromhex("70ace240")
    assert code_written(2, 0x3FFFF, update=False) == bytes.fromhex("32ffffc0")
    assert span_written(2, 4) == bytes.fromhex("22000400")
    assert code_read(2) == bytes.fromhex("d2000000") and code_read(0, waiting=True) == bytes.fromhex("b0000000")
    assert span_read(0) == bytes.fromhex("c0000000")


@pytest.mark.parametrize(
    ("span", "volts", "code"),
    [(0, 0.0, 0), (0, 4.0, 262143), (1, 4.0, 131072), (2, -4.0, 0), (2, 0.0, 131072), (2, 1.0, 163840),
     (3, 8.0, 262143), (3, -2.0, 98304), (4, 2.0, 262143), (4, -1.0, 65536), (2, 0.1, 134349)],
)  # fmt: skip
def test_codes_are_the_nearest_ones(span: int, volts: float, code: int) -> None:
    assert SPANS[span].code(volts, 4.0) == code


@pytest.mark.parametrize("limit", [0.1, 0.3, 0.70001, 1.0])
def test_code_of_a_limit_is_never_beyond_it(limit: float) -> None:
    for span in (SPANS[2], SPANS[4]):
        for sign in (1, -1):
            code = span.code(sign * limit, 4.0, -limit, limit)
            assert abs(span.value(code, 4.0)) <= limit * (1 + 1e-9)
            assert abs(span.value(code, 4.0) - sign * limit) <= span.step(4.0)


# -- transcripts ----------------------------------------------------------------------------------


def begun(number: int, shows: str, *more: tuple[str, str | None]) -> list[Any]:
    """Return the turns of a module that is opened, whose first output shows something."""
    presence = [("INPUT {n}", "0"), ("INPUT {n} = 177033", None), ("INPUT {n}", "177033"), ("INPUT {n} = 0", None)]
    turns: list[Any] = [("UNLOCK", None), *((text.format(n=number), reply) for text, reply in presence)]
    return [*turns, (f"DAC {number}", shows), *more]


def test_rack_that_was_switched_on_gets_the_span_that_holds_the_limits_without_a_step() -> None:
    turns = begun(3, "0 0", ("DAC 3 = 131072 4", None), ("DAC 3", "131072 4"))
    with TranscriptLink(turns) as link:
        device = D5A.over(link, voltages(3))
        device.prepare()
        assert device.get("output3_voltage_v") == 0.0


def test_span_that_holds_the_limits_is_left_and_the_output_where_it_is() -> None:
    with TranscriptLink(begun(3, "180000 2")) as link:
        device = D5A.over(link, voltages(3))
        device.prepare()
        assert device.get("output3_voltage_v") == pytest.approx(180000 * 8 / 2**18 - 4)


def test_output_beyond_narrow_limits_is_switched_to_a_span_that_holds_it(caplog: pytest.LogCaptureFixture) -> None:
    turns = begun(3, "196608 0", ("DAC 3 = 229376 2", None), ("DAC 3", "229376 2"))
    with TranscriptLink(turns) as link:
        device = D5A.over(link, voltages(3))
        device.prepare()
        assert device.get("output3_voltage_v") == 3.0
    assert "output 3 is at 3 V, outside [-1, 1]" in caplog.text


def opened(link: TranscriptLink, entry: Instrument) -> Any:
    device = (D5A if entry.model == "qblox-d5a" else S4G).over(link, entry)
    device.prepare()
    return device


def test_voltage_is_written_read_back_and_told_as_its_code_makes_it() -> None:
    shows = ("DAC 1", "137626 4")
    turns = begun(1, "131072 4", ("DAC 1", "131072 4"), ("DAC 1 = 137626", None), shows, shows)
    with TranscriptLink(turns) as link:
        device = opened(link, voltages(1))
        device.set("output1_voltage_v", 0.1)
        assert device.get("output1_voltage_v") == device.get("output1_present_v") == 137626 * 4 / 2**18 - 2
        assert device.agrees("output1_voltage_v", 0.1, device.get("output1_voltage_v"))
        assert not device.agrees("output1_voltage_v", 0.1001, device.get("output1_voltage_v"))


@pytest.mark.parametrize("value", [1.0000001, -1.0000001, math.nan, math.inf, "1.1", True])
@pytest.mark.parametrize("name", ["output1_voltage_v"])
def test_value_outside_limits_is_never_sent(name: str, value: Any) -> None:
    with TranscriptLink(begun(1, "131072 4")) as link:
        device = opened(link, voltages(1))
        with pytest.raises(LimitError, match="output1_voltage_v"):
            device.set(name, value)


def test_slew_is_kept_below_that_of_the_lab() -> None:
    with TranscriptLink(begun(1, "131072 4")) as link:
        device = opened(link, voltages(1, slew_v_per_s=0.1))
        with pytest.raises(LimitError, match="slew"):
            device.set("output1_slew_v_per_s", 0.1001)
        device.set("output1_slew_v_per_s", 0.05)
        assert device.get("output1_slew_v_per_s") == 0.05


def test_span_is_switched_with_the_code_that_keeps_the_output_where_it_is() -> None:
    turns = begun(2, "163840 4", ("DAC 2", "163840 4"), ("DAC 2 = 147456 2", None), ("DAC 2", "147456 2"))
    with TranscriptLink(turns) as link:
        device = opened(link, voltages(2))
        device.set("output2_span", "bi_4v")
        assert device.get("output2_voltage_v") == 0.5


def test_span_that_does_not_hold_the_output_or_a_value_is_refused_and_not_sent() -> None:
    low, high, alone = ("DAC 2", "98304 4"), ("DAC 2", "147456 4"), ("DAC 2", "16384 0")
    turns = begun(2, "98304 4", low, low, ("DAC 2 = 147456", None), high, high, ("DAC 2 = 16384 0", None), alone, alone)
    with TranscriptLink(turns) as link:
        device = opened(link, voltages(2))
        with pytest.raises(LimitError, match=r"output 2 is at -0.5 V, outside the span \[0, 3.99998\] V"):
            device.set("output2_span", "UNI_4V")
        device.set("output2_voltage_v", 0.25)
        device.set("output2_span", "UNI_4V")
        with pytest.raises(LimitError, match=r"output 2 = -0.1 V is outside its span .* set output2_span"):
            device.set("output2_voltage_v", -0.1)
        with pytest.raises(RequestError, match="not one of UNI_4V"):
            device.set("output2_span", "BI_10V")


def test_module_that_lost_its_power_is_led_from_where_it_is(caplog: pytest.LogCaptureFixture) -> None:
    off, at_zero = ("DAC 1", "0 0"), ("DAC 1", "131072 4")
    turns = begun(1, "163840 4", off, off, ("DAC 1 = 131072 4", None), at_zero, at_zero, at_zero)
    with TranscriptLink(turns) as link:
        device = opened(link, voltages(1, slew_v_per_s=1e-6))
        assert device.get("output1_voltage_v") == 0.5
        device.set("output1_voltage_v", 0.6)
        device.ramps.stop()
        assert device.get("output1_present_v") == 0.0
        assert device.get("output1_present_v") == 0.0
    assert "output 1 shows code 0 of span 0, and was to show 163840 of span 4" in caplog.text


def test_damaged_answer_is_asked_again_and_told_where_it_stays_so() -> None:
    right, wrong = ("DAC 1", "163840 4"), ("DAC 1", "98303 4")
    with TranscriptLink(begun(1, "163840 4", wrong, right, wrong, ("DAC 1", "12 4"))) as link:
        device = opened(link, voltages(1))
        assert device.get("output1_present_v") == 0.5
        with pytest.raises(DeviceError, match="tells code 98303, and then 12: the line is disturbed"):
            device.get("output1_present_v")


def test_locked_controller_is_an_error_that_says_so() -> None:
    turns = begun(1, "131072 4", ("DAC 1", "131072 4"), ("DAC 1 = 163840", None), ("DAC 1", "131072 4"))
    with TranscriptLink(turns) as link:
        device = opened(link, voltages(1))
        with pytest.raises(RefusedError, match=r"shows code 131072 .* was to show 163840 .* is the controller locked"):
            device.set("output1_voltage_v", 0.5)


def test_module_that_does_not_keep_what_waits_is_not_there() -> None:
    turns = [("UNLOCK", None), ("INPUT 1", "262143"), ("INPUT 1 = 177033", None), ("INPUT 1", "262143"),
             ("INPUT 1 = 262143", None)]  # fmt: skip
    with TranscriptLink(turns) as link, pytest.raises(DeviceError, match="no D5a answers as module 2"):
        opened(link, voltages(1))


def test_safe_leads_all_outputs_and_tells_the_one_that_refuses_when_the_others_are_there() -> None:
    begin = begun(1, "131072 4", ("DAC 2", "131072 4"))
    still = ("DAC 1", "131072 4")
    turns = [still, ("DAC 1 = 147456", None), still, ("DAC 2", "131072 4"), ("DAC 2 = 147456", None),
             ("DAC 2", "147456 4")]  # fmt: skip
    with TranscriptLink([*begin, *turns]) as link:
        device = opened(link, voltages(1, 2))
        with pytest.raises(RefusedError, match="output 1"):
            device.safe()
        assert device.get("output2_voltage_v") == 0.25


def test_currents_go_to_the_span_of_half_the_range() -> None:
    # Code 183501 is nearer to 10 mA, and beyond it.
    turns = begun(2, "0 0", ("DAC 2 = 131072 4", None), ("DAC 2", "131072 4"),
                  ("DAC 2", "131072 4"), ("DAC 2 = 183500", None), ("DAC 2", "183500 4"))  # fmt: skip
    with TranscriptLink(turns) as link:
        device = opened(link, currents(2))
        device.set("output2_current_a", 0.01)
        assert device.get("output2_current_a") == pytest.approx(0.01, abs=0.05 / 2**18)
        with pytest.raises(LimitError, match="output2_current_a"):
            device.set("output2_current_a", 0.010001)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (voltages(17), "output 17 is none of a D5a, which has 16"),
        (voltages(1, limits_v=(-9.0, 1.0)), r"limits \[-9, 1\] V go beyond \[-8, 7.99994\] V"),
        (voltages(1, slew_v_per_s=None), "output.1 needs slew_v_per_s and safe_v"),
        (msgspec.structs.replace(voltages(1), module=None), "d5a0.module: is missing"),
        (currents(5), "output 5 is none of a S4g, which has 4"),
    ],
)
def test_entry_that_can_not_hold_is_refused_before_anything_is_opened(entry: Instrument, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        check_entry(entry)


def test_entries_of_the_page_hold() -> None:
    page = (Path(__file__).parents[2] / "docs" / "spi-rack.md").read_text("utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.S)
    lab = parse_lab('schema = 1\nname = "biases"\n' + text)
    assert lab.sharing("bias1") == ("bias0", "bias1")
    for entry in lab.instruments.values():
        check_entry(entry)
