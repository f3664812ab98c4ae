"""The Infiniium driver: transcripts, limits, and records from the emulated box over HiSLIP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qctl.device import Recorder
from qctl.errors import DeviceError, DeviceTimeoutError, LimitError, RequestError
from qctl.instruments.keysight_infiniium.body import DigitizerBody
from qctl.instruments.keysight_infiniium.driver import KeysightInfiniium
from qctl.instruments.links.transcript import TranscriptLink
from qctl.instruments.registry import open_device
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram

Named = Callable[..., Instrument]


def program(**changes: Any) -> DeviceProgram:
    body = {"rate_hz": 5e8, "n_samples": 500, "delay_s": 1e-7, "inputs": (1, 2), "range_v": (0.8, 0.4)}
    body |= {"n_records": 3, "averaged": False} | changes
    return DeviceProgram("dig0", "keysight-infiniium-s", DigitizerBody(**body).to_bytes())


def setup(mode: str, average: str) -> list[Any]:
    texts = [
        *(":STOP", ":CHAN1:DISP 1", ":CHAN2:DISP 1", ":CHAN3:DISP 0", ":CHAN4:DISP 0"),
        ":CHAN1:INP DC50;:CHAN1:RANG 0.8;:CHAN1:OFFS 0",
        ":CHAN2:INP DC50;:CHAN2:RANG 0.4;:CHAN2:OFFS 0",
        ":TRIG:MODE EDGE;:TRIG:EDGE:SOUR AUX;:TRIG:EDGE:SLOP POS",
        *(":TRIG:LEV AUX,0.5;:TRIG:SWE TRIG", mode, average, ":ACQ:COMP 100"),
        ":ACQ:SRAT:ANAL 500000000;:ACQ:POIN:ANAL 500",
        ":TIM:REF LEFT;:TIM:RANG 1e-06;:TIM:POS 1e-07",
        ":WAV:FORM WORD;:WAV:BYT LSBF;:WAV:STR 0;:WAV:SEGM:ALL 1",
    ]
    read_back = ":SYST:ERR? STR;:ACQ:SRAT:ANAL?;:ACQ:POIN:ANAL?;:AER?;:ADER?"
    return [(";".join(texts), None), (read_back, '0,"No error";5.00000E+08;500;0;0')]


ARMED = (":SING;:AER?", "1")
READ = ":WAV:SOUR CHAN1;:WAV:DATA?;:WAV:SOUR CHAN2;:WAV:DATA?"


def preamble(number: int, scale: str, offset: str) -> tuple[str, str]:
    return (f":WAV:SOUR CHAN{number};:WAV:PRE?", f"2,1,500,1,2E-9,1E-7,0,{scale},{offset},0,3,1E-6")


def test_segmented_records_arrive_in_order(named: Named) -> None:
    one, two = (np.arange(1500, dtype="<i2") + k * 1500 for k in range(2))
    turns = [
        *setup(":ACQ:MODE SEGM;:ACQ:SEGM:COUN 3", ":ACQ:AVER 0"),
        *(ARMED, (":ADER?", "1"), (READ, [one.tobytes(), two.tobytes()])),
        *(preamble(1, "1.3E-5", "0"), preamble(2, "6.5E-6", "0.1")),
        *(ARMED, (":ADER?", "1"), (READ, [two.tobytes(), one.tobytes()])),
    ]
    with TranscriptLink(turns) as link:
        device = KeysightInfiniium(link, named("dig0"))
        assert device.load(program()) == 0
        device.arm()
        record = device.read()
        np.testing.assert_array_equal(record.codes[:, 0], one.reshape(3, 500))
        np.testing.assert_array_equal(record.codes[:, 1], two.reshape(3, 500))
        np.testing.assert_array_equal(record.volts_per_code, [1.3e-5, 6.5e-6])
        np.testing.assert_array_equal(record.offset_v, [0, 0.1])
        assert (record.rate_hz, record.n_averaged) == (5e8, 1)
        device.arm()
        np.testing.assert_array_equal(device.read().codes[:, 0], two.reshape(3, 500))


def test_reading_arms_for_the_next_point_in_the_same_message(named: Named) -> None:
    one = np.arange(500, dtype="<i2").tobytes()
    turns = [
        *setup(":ACQ:MODE RTIM", ":ACQ:AVER:COUN 3;:ACQ:AVER 1"),
        *(ARMED, (":ADER?", "1"), (READ, [one, one]), preamble(1, "1E-5", "0"), preamble(2, "1E-5", "0"), ARMED),
        *((":ADER?;" + READ + ";:SING;:AER?", (["1"], [one, one], "0")), (":AER?", "1")),
        *((":ADER?", "0"), (":ADER?", "1"), (READ, [one, one])),
    ]
    with TranscriptLink(turns) as link:
        device = KeysightInfiniium(link, named("dig0"))
        device.load(program(averaged=True))
        device.arm()
        for rearm in (True, True, False):
            assert device.read(rearm=rearm).codes.shape == (1, 2, 500)


def test_scales_are_asked_for_where_something_vertical_has_changed(named: Named) -> None:
    one = np.arange(500, dtype="<i2").tobytes()
    average = (":ACQ:MODE RTIM", ":ACQ:AVER:COUN 3;:ACQ:AVER 1")
    fused = (":ADER?;" + READ + ";:SING;:AER?", (["1"], [one, one], "1"))
    first = ((":ADER?", "1"), (READ, [one, one]), preamble(1, "1E-5", "0"), preamble(2, "1E-5", "0"), ARMED)

    def changed(old: str, new: str) -> list[Any]:
        (text, _), read_back = setup(*average)
        return [(text.replace(old, new), None), read_back]

    turns = [
        *(*setup(*average), ARMED, *first),
        *(*changed("POS 1e-07", "POS 2e-07"), ARMED, fused),
        *(*changed("RANG 0.8", "RANG 0.5"), ARMED, *first),
        *(*setup(*average), ARMED, *first),
    ]
    with TranscriptLink(turns) as link:
        device = KeysightInfiniium(link, named("dig0"))
        for change in ({}, {"delay_s": 2e-7}, {"range_v": (0.5, 0.4)}):
            device.load(program(averaged=True, **change))
            device.arm()
            assert device.read(rearm=True) is not None
        device.forget()
        device.load(program(averaged=True))
        device.arm()
        assert device.read(rearm=True) is not None


def test_average_that_was_not_done_is_lost_and_the_next_reads_ask_first(named: Named) -> None:
    one = np.arange(500, dtype="<i2").tobytes()
    fused = ":ADER?;" + READ + ";:SING;:AER?"
    asked: tuple[Any, ...] = ((":ADER?", "1"), (READ + ";:SING;:AER?", ([], [one, one], "1")))
    turns = [
        *setup(":ACQ:MODE RTIM", ":ACQ:AVER:COUN 3;:ACQ:AVER 1"),
        *(ARMED, (":ADER?", "1"), (READ, [one, one]), preamble(1, "1E-5", "0"), preamble(2, "1E-5", "0"), ARMED),
        *(turn for n in (8, 16) for turn in ((fused, (["0"], [one, one], "1")), *n * asked)),
        *((fused, (["+1"], [one, one], "1")), (fused, (["0"], [one, one], "1")), *8 * asked),
        (fused, (["1"], [one, one], "1")),
    ]
    with TranscriptLink(turns) as link:
        device = KeysightInfiniium(link, named("dig0"))
        device.load(program(averaged=True))
        device.arm()
        assert device.read(rearm=True) is not None
        found = [device.read(rearm=True) is not None for _ in range(1 + 8 + 1 + 16 + 1 + 1 + 8 + 1)]
        assert [k for k, there in enumerate(found) if not there] == [0, 9, 27]


def test_average_is_one_record(named: Named) -> None:
    one = np.arange(500, dtype="<i2").tobytes()
    turns = [
        *setup(":ACQ:MODE RTIM", ":ACQ:AVER:COUN 3;:ACQ:AVER 1"),
        *(ARMED, (":ADER?", "0"), (":ADER?", "1"), (READ, [one, one])),
        *(preamble(1, "1E-5", "0"), preamble(2, "1E-5", "0")),
    ]
    with TranscriptLink(turns) as link:
        device = KeysightInfiniium(link, named("dig0"))
        device.load(program(averaged=True))
        device.arm()
        record = device.read()
        assert (record.codes.shape, record.n_averaged) == ((1, 2, 500), 3)


def test_same_program_is_not_set_up_twice(named: Named) -> None:
    with TranscriptLink(setup(":ACQ:MODE SEGM;:ACQ:SEGM:COUN 3", ":ACQ:AVER 0")) as link:
        device = KeysightInfiniium(link, named("dig0"))
        device.load(program())
        device.load(program())


def test_arm_returns_when_armed(named: Named) -> None:
    turns = [*setup(":ACQ:MODE RTIM", ":ACQ:AVER 0"), (":SING;:AER?", "0"), (":AER?", "0"), (":AER?", "1")]
    with TranscriptLink(turns) as link:
        device = KeysightInfiniium(link, named("dig0"))
        device.load(program(n_records=1))
        device.arm()


def test_missing_triggers_are_a_time_out_that_stops_the_box(named: Named) -> None:
    turns = [
        *setup(":ACQ:MODE RTIM", ":ACQ:AVER 0"),
        *(ARMED, (":ADER?", "0"), (":ADER?", "0"), (":STOP;:AER?;:ADER?", "0;0")),
    ]
    with TranscriptLink(turns, "dig0") as link:
        device = KeysightInfiniium(link, named("dig0", timeout_s=-1.0))
        device.load(program(n_records=1))
        device.arm()
        link._turns.pop(-2)
        with pytest.raises(DeviceTimeoutError, match="dig0: 1 triggers did not come"):
            device.read()


def test_short_block_is_an_error_and_not_a_record(named: Named) -> None:
    turns = [
        *setup(":ACQ:MODE RTIM", ":ACQ:AVER 0"),
        *(ARMED, (":ADER?", "1"), (READ, [bytes(1000), bytes(998)])),
        *(preamble(1, "1E-5", "0"), preamble(2, "1E-5", "0")),
    ]
    with TranscriptLink(turns) as link:
        device = KeysightInfiniium(link, named("dig0"))
        device.load(program(n_records=1))
        device.arm()
        with pytest.raises(DeviceError, match="input 2 sent 998 bytes instead of 1 records of 500"):
            device.read()


@pytest.mark.parametrize(
    "changes",
    [
        {"rate_hz": 4.9e8},
        {"rate_hz": float("nan")},
        {"n_samples": 15},
        {"n_records": 65_537},
        {"n_records": 65_535, "averaged": True},
        {"n_records": 0},
        {"n_records": 65_536, "n_samples": 1526},
        {"delay_s": -1e-9},
        {"delay_s": float("nan")},
        {"range_v": (0.8, 8.1)},
        {"trigger_level_v": 5.1},
    ],
)
def test_program_outside_limits_is_never_sent(named: Named, changes: dict[str, Any]) -> None:
    with TranscriptLink([]) as link, pytest.raises(LimitError):
        KeysightInfiniium(link, named("dig0")).load(program(**changes))


@pytest.mark.parametrize(
    "changes", [{"inputs": (1, 3)}, {"inputs": (1, 1)}, {"inputs": (1,)}, {"inputs": (), "range_v": ()}]
)
def test_program_that_contradicts_lab_toml_is_refused(named: Named, changes: dict[str, Any]) -> None:
    with TranscriptLink([]) as link, pytest.raises(RequestError):
        KeysightInfiniium(link, named("dig0")).load(program(**changes))


@pytest.mark.parametrize(("n_records", "averaged"), [(1, False), (2000, False), (100, True)])
def test_emulated_box_records(
    lab: Lab, named: Named, emulated: Callable[[str, str], Any], n_records: int, averaged: bool
) -> None:
    device: Any = open_device(named("dig0", address=emulated("keysight-infiniium-s", "dig0").address), lab)
    assert isinstance(device, Recorder)
    device.load(program(n_records=n_records, averaged=averaged))
    for _ in range(2):
        device.arm()
        record = device.read()
        assert record.codes.shape == (1 if averaged else n_records, 2, 500)
        assert record.n_averaged == (n_records if averaged else 1)
        volts = record.codes * record.volts_per_code[:, None] + record.offset_v[:, None]
        assert 0.7e-3 < volts.std() < 1.3e-3
    device.stop()
    device.safe()
    device.close()
