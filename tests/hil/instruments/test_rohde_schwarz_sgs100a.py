"""The emulated SGS100A: judged by QCoDeS' driver, by its limits, and by what the plant is told."""

from typing import Any

import pytest
from qcodes.instrument_drivers.rohde_schwarz import RohdeSchwarzSGS100A as QcodesSource

from qctl.hil.instruments.rohde_schwarz_sgs100a import RohdeSchwarzSgs100a


def test_qcodes_driver_sets_and_reads_it(source: Any) -> None:
    driver = QcodesSource("lo", source.address, visalib="@py")
    try:
        driver.frequency(5.1e9)
        driver.power(-12.5)
        driver.on()
        driver.ref_osc_source("EXT")
        driver.ref_osc_external_freq("100MHz")
        assert (driver.frequency(), driver.power(), driver.status()) == (5.1e9, -12.5, True)
        assert driver.ref_osc_source() == "EXT"
        assert driver.ask("SYST:ERR?").strip() == '0,"No error"'
    finally:
        driver.close()


def test_tone_reaches_the_plant(bench: Any) -> None:
    source = bench(RohdeSchwarzSgs100a)
    source.ask("SOUR:FREQ 5.1 GHz;:SOUR:POW 10;:OUTP ON")
    assert source.plant.calls == [("tone", 5.1e9, 10.0, True)]
    source.ask("*RST")
    assert source.plant.calls[-1] == ("tone", 1e9, -30.0, False)


@pytest.mark.parametrize(
    ("message", "number"),
    [("SOUR:FREQ 12.75E9", 0), ("SOUR:FREQ 12.751E9", -222), ("SOUR:POW 25", 0), ("SOUR:POW 25.01", -222),
     ("SOUR:POW NAN", -222), ("SOUR:ROSC:SOUR BOTH", -224), ("OUTP", -109), ("OUTP2 ON", -114)],
)  # fmt: skip
def test_limits(bench: Any, message: str, number: int) -> None:
    source = bench(RohdeSchwarzSgs100a)
    source.ask(message)
    assert source.error() == number


def test_lost_reference_shows(bench: Any) -> None:
    source = bench(RohdeSchwarzSgs100a)
    source.box.new_faults({"unlocked": True})
    assert source.ask("STAT:QUES:COND?;:SOUR:ROSC:SOUR EXT;:STAT:QUES:COND?") == b"0;32\n"
