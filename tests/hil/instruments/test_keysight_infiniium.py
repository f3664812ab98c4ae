"""The emulated Infiniium: judged by QCoDeS' driver, by its limits, and by records that are known."""

from typing import Any

import numpy as np
import pytest
from qcodes.instrument_drivers.Keysight import KeysightInfiniium as QcodesInfiniium

from qctl.hil.instruments.keysight_infiniium import KeysightInfiniium

SETUP = ":ACQ:SRAT 5E8;:ACQ:POIN 16;:CHAN1:RANG 0.8;:WAV:FORM WORD;BYT LSBF;SEGM:ALL ON"


def codes(reply: bytes) -> np.ndarray:
    n_digits = int(reply[1:2])
    assert int(reply[2 : 2 + n_digits]) == len(reply) - 3 - n_digits
    return np.frombuffer(reply[2 + n_digits : -1], "<i2")


@pytest.mark.filterwarnings("ignore")
def test_qcodes_driver_sets_it_up_and_finds_its_axes(scope: Any) -> None:
    driver = QcodesInfiniium("scope", scope.address, visalib="@py", silence_pyvisapy_warning=True)
    try:
        driver.acquire_mode("RTIMe")
        driver.sample_rate(5e8)
        driver.acquire_points(500)
        driver.ch1.range(0.8)
        driver.digitize()
        driver.ch1.update_setpoints()
        assert driver.ch1.time_axis()[1] - driver.ch1.time_axis()[0] == pytest.approx(2e-9)
        assert (driver.min_pts, driver.max_pts) == (16, 100_000_000)
        assert driver.ch1.range() == 0.8
        assert driver.ch1.time_axis().shape == (500,)
    finally:
        driver.close()


def test_known_record_comes_back_in_volts(bench: Any) -> None:
    scope = bench(KeysightInfiniium)
    scope.plant.volts = np.linspace(-0.35, 0.35, 16, dtype=np.float32).reshape(1, 1, 16)
    assert scope.ask(SETUP + ";:DIG;*OPC?") == b"1\n"
    fields = scope.ask("WAV:PRE?").decode().split(",")
    assert len(fields) == 24 and fields[0] == "2" and int(fields[2]) == 16
    got = codes(scope.ask("WAV:DATA?")) * float(fields[7]) + float(fields[8])
    assert np.max(np.abs(got - scope.plant.volts[0, 0])) <= 0.8 / 1024 / 2 * 1.01
    assert scope.ask("WAV:XINC?;XOR?").split(b";")[0] == b"2.000000000000E-09"


def test_out_of_range_clips(bench: Any) -> None:
    scope = bench(KeysightInfiniium)
    scope.plant.volts = np.full((1, 1, 16), 5.0, np.float32)
    scope.ask(SETUP + ";:DIG")
    assert set(codes(scope.ask("WAV:DATA?"))) == {30720}


def test_average_has_finer_steps(bench: Any) -> None:
    scope = bench(KeysightInfiniium)
    scope.plant.volts = np.linspace(0, 1e-3, 16, dtype=np.float32).reshape(1, 1, 16)
    scope.ask(SETUP + ";:ACQ:AVER ON;:ACQ:AVER:COUN 1000;:DIG")
    assert scope.plant.calls[-1] == ("arm", [1], 5e8, pytest.approx(-16e-9), 16, 1000, True)
    assert len(set(codes(scope.ask("WAV:DATA?")))) == 16
    assert scope.ask("WAV:COUN?;TYPE?") == b"1000;AVER\n"


@pytest.mark.parametrize("ranges_v", [(0.8, 0.8), (0.8, 1.6)])
def test_averages_of_inputs_have_each_its_own_range(bench: Any, ranges_v: tuple[float, float]) -> None:
    scope = bench(KeysightInfiniium)
    scope.plant.volts = np.linspace(-0.3, 0.3, 2 * 16, dtype=np.float32).reshape(1, 2, 16)
    ranges = f";:CHAN1:RANG {ranges_v[0]};:CHAN2:RANG {ranges_v[1]}"
    scope.ask(SETUP + ranges + ";:ACQ:AVER ON;:ACQ:AVER:COUN 100;:DIG CHAN1,CHAN2")
    for number, range_v in enumerate(ranges_v, 1):
        fields = scope.ask(f"WAV:SOUR CHAN{number};PRE?").decode().split(",")
        assert float(fields[7]) == pytest.approx(range_v / 61440)
        got = codes(scope.ask("WAV:DATA?")) * float(fields[7])
        assert np.max(np.abs(got - scope.plant.volts[0, number - 1])) <= range_v / 61440


def test_all_segments_of_each_input_in_one_block(bench: Any) -> None:
    scope = bench(KeysightInfiniium)
    scope.plant.volts = np.arange(3 * 2 * 16, dtype=np.float32).reshape(3, 2, 16) * np.float32(1e-3)
    scope.ask(SETUP + ";:CHAN2:RANG 0.8;:ACQ:MODE SEGM;:ACQ:SEGM:COUN 3;:DIG CHAN1,CHAN2")
    assert scope.ask("WAV:SEGM:COUN?;:WAV:POIN?") == b"3;16\n"
    for number in (1, 2):
        got = codes(scope.ask(f"WAV:SOUR CHAN{number};DATA?")).reshape(3, 16) * (0.8 / 61440)
        assert np.max(np.abs(got - scope.plant.volts[:, number - 1])) < 0.8 / 1024
    scope.ask("WAV:SEGM:ALL OFF;:ACQ:SEGM:IND 2")
    one = codes(scope.ask("WAV:DATA?")) * (0.8 / 61440)
    assert np.max(np.abs(one - scope.plant.volts[1, 1])) < 0.8 / 1024


def test_arm_then_poll(bench: Any) -> None:
    scope = bench(KeysightInfiniium)
    assert scope.ask(SETUP + ";:SING;:AER?") == b"1\n"
    assert scope.ask(":ADER?;:ADER?;:PDER?;:TER?;:AER?") == b"1;0;1;1;0\n"


def test_window_is_what_the_time_base_says(bench: Any) -> None:
    scope = bench(KeysightInfiniium)
    scope.ask(SETUP + ";:TIM:REF LEFT;:TIM:POS 1E-6;:SING")
    assert scope.plant.calls[-1][3] == pytest.approx(1e-6)
    scope.ask(":ACQ:POIN:AUTO ON;:TIM:RANG 1E-6;:SING")
    assert scope.plant.calls[-1][4] == 500


def test_silent_digitizer_answers_but_never_completes(bench: Any) -> None:
    scope = bench(KeysightInfiniium)
    scope.box.new_faults({"silence": True})
    assert scope.ask(SETUP + ";:SING;:AER?;:ADER?") == b"1;0\n"
    assert scope.ask(":ADER?;:STOP;:AST?") == b"0;ADONE\n"


@pytest.mark.parametrize(
    ("message", "number"),
    [
        (":ACQ:SEGM:COUN 65536", 0),
        (":ACQ:SEGM:COUN 65537", -222),
        (":ACQ:POIN 100000000", 0),
        (":ACQ:POIN 100000001", -222),
        (":ACQ:MODE SEGM;:ACQ:SEGM:COUN 20001;:ACQ:POIN 5000;:DIG", -222),
        (":ACQ:AVER:COUN 65535", -222),
        (":WAV:DATA?", -230),
        (":WAV:PRE?", -230),
        (":CHAN1:DISP OFF;:DIG", -221),
        (":CHAN5:RANG 1", -114),
        (":TRIG:LEV AUX,0.5", 0),
        (":TRIG:LEV BUX,0.5", -224),
    ],
)
def test_limits(bench: Any, message: str, number: int) -> None:
    scope = bench(KeysightInfiniium)
    scope.ask(message)
    assert scope.error() == number


def test_errors_are_numbers_unless_asked_for_text(bench: Any) -> None:
    scope = bench(KeysightInfiniium)
    assert scope.ask("NOSUCH;:SYST:ERR?;:SYST:ERR?") == b"-113;0\n"
    assert scope.ask("NOSUCH;:SYST:ERR? STR") == b'-113,"Undefined header;NOSUCH"\n'


def test_formats(bench: Any) -> None:
    scope = bench(KeysightInfiniium)
    scope.plant.volts = np.full((1, 1, 16), 0.1, np.float32)
    scope.ask(SETUP + ";:DIG")
    little = codes(scope.ask("WAV:DATA?"))
    reply = scope.ask("WAV:BYT MSBF;DATA?")
    np.testing.assert_array_equal(np.frombuffer(reply[4:-1], ">i2"), little)
    assert scope.ask("WAV:STR ON;DATA?")[:2] == b"#0"
    assert len(scope.ask("WAV:STR OFF;FORM BYTE;DATA?")) == 4 + 16 + 1
    assert [float(v) for v in scope.ask("WAV:FORM ASC;DATA?").split(b",")] == pytest.approx([0.1] * 16, abs=1e-3)
    assert codes(scope.ask("WAV:FORM WORD;BYT LSBF;DATA? 4,2")).tolist() == little[4:6].tolist()
