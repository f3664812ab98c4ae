"""Emulated generators judged by others' drivers: QCoDeS for the AWG70002A and the 33522B, pymeasure for the 33522B."""

from pathlib import Path

import numpy as np
from emulators import emulator
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.agilent import Agilent33500
from qcodes.instrument_drivers.Keysight import Keysight33522B
from qcodes.instrument_drivers.tektronix import TektronixAWG70002A


def test_qcodes_driver_of_an_awg70002a_plays_its_files(tmp_path: Path) -> None:
    with emulator("tektronix-awg70000a", "gen", tmp_path) as box:
        driver = TektronixAWG70002A("awg70k", box.address, timeout=5, visalib="@py", terminator="\n")
        try:
            driver.sample_rate(20e9)
            driver.ch1.awg_amplitude(0.4)
            driver.sendWFMXFile(driver.makeWFMXFile(np.linspace(-0.2, 0.2, 2400), 0.4), "ramp.wfmx")
            driver.loadWFMXFile("ramp.wfmx")
            assert driver.waveformList == ["ramp"]
            driver.ch1.state(1)
            assert [driver.sample_rate(), driver.ch1.awg_amplitude(), driver.ch1.state()] == [20e9, 0.4, 1]
            assert driver.ask("SYST:ERR?") == '0,"No error"'
            driver.clearWaveformList()
            assert driver.ask("WLIS:SIZE?") == "0"
        finally:
            driver.close()


def test_qcodes_driver_of_a_33522b_sets_and_reads_it(tmp_path: Path) -> None:
    with emulator("keysight-33500b", "gen", tmp_path) as box:
        driver = Keysight33522B("fg", box.address, visalib="@py", terminator="\n")
        try:
            driver.ch2.amplitude(0.75)
            driver.ch2.offset(-0.1)
            driver.ch2.trigger_source("EXT")
            driver.ch2.output("ON")
            read = [driver.ch2.amplitude(), driver.ch2.offset(), driver.ch2.trigger_source(), driver.ch2.output()]
            assert read == [0.75, -0.1, "EXT", "ON"]
            assert driver.ask("SYST:ERR?") == '+0,"No error"'
        finally:
            driver.close()


def test_pymeasure_driver_of_a_33522b_uploads_and_chooses_a_waveform(tmp_path: Path) -> None:
    with emulator("keysight-33500b", "gen", tmp_path) as box:
        adapter = VISAAdapter(box.address, visa_library="@py", read_termination="\n", write_termination="\n")
        channel = Agilent33500(adapter).ch_1
        try:
            channel.data_volatile_clear()
            channel.data_arb("ramp", [-32767, 0, 32767] * 4, "DAC")
            channel.shape = "ARB"
            channel.arb_file = "ramp"
            channel.arb_srate = 1e6
            channel.amplitude = 0.5
            channel.output = True
            assert channel.arb_file.strip('"') == "RAMP"
            assert (channel.shape, channel.arb_srate, channel.amplitude, channel.output) == ("ARB", 1e6, 0.5, True)
            adapter.write("SYST:ERR?")
            assert adapter.read() == '+0,"No error"'
        finally:
            adapter.close()
