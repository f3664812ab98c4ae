"""The SPI rack's driver: words, codes and spans, limits on every path, transcripts, and the emulated rack."""

from __future__ import annotations

import math
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qctl.errors import DeviceError, DeviceTimeoutError, LimitError, NotAllowedError, RefusedError, RequestError
from qctl.instruments.links.transcript import TranscriptLink
from qctl.instruments.registry import check_entry, open_device, speak_raw
from qctl.instruments.spi_rack.d5a import D5A, D5aModule
from qctl.instruments.spi_rack.ltc2758 import SPANS, code_read, code_written, span_read, span_written
from qctl.instruments.spi_rack.s4g import S4G
from qctl.lab import CurrentOutput, Instrument, Lab, Output, parse_lab

FAST = 1e6
MODULES = "2=d5a0:qblox-d5a,5=s4g0:qblox-s4g"


def output(number: int, **changes: Any) -> Output:
    found = Output(number=number, limits_v=(-1.0, 1.0), slew_v_per_s=FAST, safe_v=0.25)
    return msgspec.structs.replace(found, **changes)


def voltages(*numbers: int, address: str = "ASRL/dev/ttyACM0::INSTR", **changes: Any) -> Instrument:
    outputs = {n: output(n, **changes) for n in numbers}
    return Instrument(name="d5a0", model="qblox-d5a", address=address, module=2, timeout_s=0.3, output=outputs)


def currents(*numbers: int, address: str = "ASRL/dev/ttyACM0::INSTR", **changes: Any) -> Instrument:
    one = CurrentOutput(number=0, range_a=0.05, limits_a=(-0.01, 0.01), slew_a_per_s=FAST, safe_a=0.0)
    current = {n: msgspec.structs.replace(one, number=n, **changes) for n in numbers}
    return Instrument(name="s4g0", model="qblox-s4g", address=address, module=5, timeout_s=0.3, current=current)


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


# -- over the emulated rack --------------------------------------------------------------------------


@pytest.fixture
def rack(emulated: Callable[..., Any]) -> Any:
    return emulated("spi-rack", "spi0", modules=MODULES)


@pytest.fixture
def pair(rack: Any, lab: Lab) -> Any:
    """Return both modules, opened over one line."""
    devices = (
        open_device(voltages(1, 16, address=rack.address), lab),
        open_device(currents(2, address=rack.address), lab),
    )
    yield devices
    rack.faults()
    for device in devices:
        device.close()


def test_both_modules_are_driven_over_one_line(pair: Any, rack: Any) -> None:
    volts, amps = pair
    assert isinstance(volts, D5aModule)
    volts.set("output16_voltage_v", -0.75)
    amps.set("output2_current_a", 0.0025)
    for _ in range(20):
        assert volts.get("output16_present_v") == -0.75
        assert amps.get("output2_present_a") == pytest.approx(0.0025, abs=0.05 / 2**18)
    told = volts.get_all()
    assert (told["output1_span"], told["controller_c"]) == ("BI_2V", 31.25)
    assert told["battery_plus_v"] == pytest.approx(6.02, abs=2e-3)
    volts.safe()
    assert volts.get("output16_present_v") == 0.25 and amps.get("output2_current_a") != 0.0


@pytest.mark.parametrize("text", ["DAC 17", "DAC 1 = 262144", "DAC 1 = 0 6", "DAC 1 = -1", "dac 1", "BATTERY 2", "x"])
def test_text_that_a_module_is_never_told_is_not_sent(pair: Any, rack: Any, text: str) -> None:
    before = rack.counters()
    with pytest.raises(RequestError, match="nothing that a module of an SPI rack is told"):
        pair[0].link.write(text)
    assert rack.counters() == before


def test_what_is_written_past_the_driver_is_taken_over(pair: Any, rack: Any, lab: Lab) -> None:
    volts, _ = pair
    entry = msgspec.structs.replace(volts.instrument, allow_raw=True)
    assert speak_raw(volts, entry, "OUTP1:VOLT 125 mV\nDAC 16 = 163840") is None
    assert (volts.get("output1_voltage_v"), volts.get("output16_voltage_v")) == (0.125, 0.5)
    with pytest.raises(LimitError):
        speak_raw(volts, entry, "OUTP1:VOLT 1.5")
    with pytest.raises(NotAllowedError):
        speak_raw(volts, volts.instrument, "DAC 16 = 131072")


def test_outputs_stay_when_links_are_closed_and_opened(rack: Any, lab: Lab) -> None:
    with Opened(voltages(3, address=rack.address), lab) as device:
        device.set("output3_voltage_v", 0.625)
    with Opened(voltages(3, address=rack.address), lab) as device:
        assert device.get("output3_voltage_v") == device.get("output3_present_v") == 0.625
        device.set("output3_voltage_v", 0.0)


class Opened:
    """Open a device for a while."""

    def __init__(self, entry: Instrument, lab: Lab) -> None:
        self._entry, self._lab = entry, lab

    def __enter__(self) -> Any:
        self._device: Any = open_device(self._entry, self._lab)
        return self._device

    def __exit__(self, *_: object) -> None:
        self._device.close()


def test_module_at_another_number_is_not_found(rack: Any, lab: Lab) -> None:
    entry = msgspec.structs.replace(voltages(1, address=rack.address), module=7)
    with pytest.raises(DeviceError, match="no D5a answers as module 7"):
        open_device(entry, lab)


def test_another_time_out_on_the_same_line_is_refused(pair: Any, rack: Any, lab: Lab) -> None:
    entry = msgspec.structs.replace(voltages(1, address=rack.address), timeout_s=0.7)
    with pytest.raises(RequestError, match="open already with another baud, parity or timeout_s"):
        open_device(entry, lab)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [({"silence": True}, DeviceTimeoutError), ({"drop": 1}, DeviceTimeoutError), ({"cut": 2}, DeviceError),
     ({"late_reply": 0.5}, DeviceTimeoutError), ({"stalled": True}, DeviceTimeoutError)],
)  # fmt: skip
def test_broken_wire_is_told_by_name_and_both_modules_go_on_when_it_is_mended(
    pair: Any, rack: Any, fault: dict[str, Any], kind: type[Exception]
) -> None:
    volts, amps = pair
    volts.set("output1_voltage_v", 0.5)
    rack.faults(**fault)
    with pytest.raises(kind, match="d5a0"):
        volts.get("output1_present_v")
    rack.faults()
    assert patiently(lambda: volts.get("output1_present_v")) == 0.5
    with pytest.raises(DeviceError, match=r"s4g0.*opened anew"):
        amps.get("output2_present_a")
    assert patiently(lambda: amps.get("output2_span")) == "BI_HALF"


def patiently(ask: Callable[[], Any]) -> Any:
    """Ask until a link that is opened anew, after the silence of a line that pairs nothing, answers."""
    end_s = time.monotonic() + 15
    while True:
        try:
            return ask()
        except DeviceError:
            assert time.monotonic() < end_s
            time.sleep(0.05)


def test_safe_leaves_a_span_that_can_not_reach_it_even_while_the_output_moves(rack: Any, lab: Lab) -> None:
    with Opened(voltages(9, address=rack.address, slew_v_per_s=2.0, safe_v=-0.125), lab) as device:
        device.set("output9_span", "UNI_4V")
        device.set("output9_slew_v_per_s", 0.1)
        device.set("output9_voltage_v", 1.0)
        with pytest.raises(LimitError, match="output 9 moves"):
            device.set("output9_span", "BI_4V")
        device.safe()
        assert (device.get("output9_present_v"), device.get("output9_span")) == (-0.125, "BI_2V")


def test_rack_that_loses_its_power_in_a_ramp_is_told_and_taken_over_at_zero(rack: Any, lab: Lab) -> None:
    with Opened(voltages(5, address=rack.address, slew_v_per_s=0.5), lab) as device:
        device.set("output5_voltage_v", 1.0)
        rack.faults(power_cycle=0.2)
        with pytest.raises(DeviceError, match="d5a0"):
            device.ramps.arrive()
        rack.faults()
        assert patiently(lambda: device.get("output5_voltage_v")) == 0.0
        assert device.get("output5_span") == "BI_2V"
        device.set("output5_voltage_v", 0.005)


def test_killed_rack_is_an_error_by_name(tmp_path: Any, lab: Lab) -> None:
    from emulators import Emulator

    rack = Emulator("spi-rack", "spi9", tmp_path, modules=MODULES)
    try:
        with Opened(voltages(1, address=rack.address), lab) as device:
            rack.signal(signal.SIGKILL)
            rack.process.wait()
            with pytest.raises(DeviceError, match="d5a0"):
                device.get("output1_present_v")
            with pytest.raises(DeviceError, match="d5a0"):
                device.set("output1_voltage_v", 0.1)
    finally:
        rack.stop()
