"""The small emulated boxes: judged by QCoDeS' drivers for them, and by their limits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from qcodes.instrument_drivers.agilent import AgilentE8257D
from qcodes.instrument_drivers.Lakeshore import LakeshoreModel336, LakeshoreModel372

from qctl.hil.instruments.keysight_e8257d import KeysightE8257d
from qctl.hil.instruments.lakeshore import Lakeshore372
from qctl.hil.instruments.minicircuits import Attenuator, Switches


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Any]:
    """Start an emulator by model; it ends with the test."""
    from emulators import Emulator

    started: list[Any] = []

    def start(model: str) -> Any:
        started.append(Emulator(model, "box", tmp_path))
        return started[-1]

    yield start
    for found in started:
        found.stop()


def test_qcodes_driver_sets_and_reads_the_e8257d(running: Any) -> None:
    driver = AgilentE8257D("source", running("keysight-e8257d").address, visalib="@py", terminator="\n")
    try:
        driver.frequency(5.25e9)
        driver.power(-12.5)
        driver.phase(90)
        driver.output_enabled(True)
        assert (driver.frequency(), driver.power(), driver.output_enabled()) == (5.25e9, -12.5, True)
        assert driver.phase() == pytest.approx(90, abs=1e-3)
    finally:
        driver.close()


def test_qcodes_driver_reads_and_heats_the_372(running: Any) -> None:
    box = running("lakeshore-372")
    box.ask(faults={"readings": {"6": 0.0115}, "status": {"6": 0, "7": 34}})
    driver = LakeshoreModel372("bridge", box.address, visalib="@py")
    try:
        assert driver.ch06.temperature() == pytest.approx(0.0115)
        assert driver.ch07.sensor_status() == "R. UNDER, VCM OVL"
        driver.sample_heater.setpoint(0.05)
        driver.sample_heater.output_range("100μA")
        driver.sample_heater.P(10)
        assert driver.sample_heater.setpoint() == pytest.approx(0.05)
        assert (driver.sample_heater.output_range(), driver.sample_heater.P()) == ("100μA", 10)
    finally:
        driver.close()


def test_qcodes_driver_reads_the_336(running: Any) -> None:
    driver = LakeshoreModel336("controller", running("lakeshore-336").address, visalib="@py")
    try:
        assert driver.A.temperature() == 295.0
        driver.output_1.output_range("medium")
        assert driver.output_1.output_range() == "medium"
        assert driver.IDN()["model"] == "336"
    finally:
        driver.close()


def test_qcodes_driver_turns_the_switches(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Its package imports a USB driver too, which wants .NET for what this one doesn't use.
    monkeypatch.setitem(sys.modules, "clr", ModuleType("clr"))
    from qcodes.instrument_drivers.Minicircuits import MiniCircuitsRCSPDT

    driver = MiniCircuitsRCSPDT("switches", "127.0.0.1", running("minicircuits-rc-spdt").port)
    try:
        driver.channel_a.switch(2)
        driver.channel_c.switch(2)
        driver.channel_a.switch(1)
        assert [channel.switch() for channel in driver.channels] == [1, 1, 2, 1, 1, 1, 1, 1]
    finally:
        driver.close()


def test_lakeshore_has_no_error_queue_but_an_event_register(bench: Any) -> None:
    box = bench(Lakeshore372)
    assert box.ask("*ESR?") == b"128\r\n"
    box.ask("SYST:ERR?")
    assert int(box.ask("*ESR?")) & 32
    box.ask("RANGE 0,9")
    assert int(box.ask("*ESR?")) & 16
    assert box.ask("KRDG? 1;:RANGE? 0") == b"+2.950000E+02;0\r\n"


@pytest.mark.parametrize(
    ("message", "reply"),
    [("MN?", b"MN=RCDAT-6000-90\r\n"), ("SETATT=90", b"1\r\n"), ("SETATT=90.25", b"0\r\n"), ("setatt=1", b"1\r\n"),
     ("*IDN?", b"-99 Unrecognized Command. MN:RCDAT-6000-90\r\n"), ("ATT?", b"90.00\r\n")],
)  # fmt: skip
def test_attenuators_words(bench: Any, message: str, reply: bytes) -> None:
    assert bench(Attenuator).ask(message) == reply


def test_switches_words(bench: Any) -> None:
    box = bench(Switches)
    assert [box.ask(text) for text in ("SETH=1", "SETA=1", "SETA=2", "SWPORT?")] == [
        b"1\r\n",
        b"1\r\n",
        b"0\r\n",
        b"129\r\n",
    ]


def test_tone_of_the_e8257d_reaches_the_plant(bench: Any) -> None:
    source = bench(KeysightE8257d)
    source.ask("FREQ:CW 5.1 GHz;:POW:AMPL 5;:OUTP ON")
    assert source.plant.calls == [("tone", 5.1e9, 5.0, True)]
    source.ask("POW 10.01")
    assert source.error() == -222
