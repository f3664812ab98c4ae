"""The emulated QDAC-II: ranges on every path, slew in lab time, lists and sweeps, as pyvisa-py and the plant see it."""

from typing import Any

import numpy as np
import pytest

from qctl.hil.instruments.qdevil_qdac2 import QdevilQdac2


def levels(dac: Any) -> list[float]:
    return [call[2] for call in dac.plant.calls if call[0] == "level"]


def test_pyvisa_talks_to_it(dac: Any) -> None:
    client = dac.client()
    assert client.query("*idn?") == "QDevil, QDAC-II, 7, 3-0.17.5"
    client.write("sour3:volt:slew 20000000;:sour3:volt 0.25")
    assert client.query("sour3:volt?;:sour3:volt:last?") == "0.25;0.25"
    client.write_binary_values("sour4:list:volt ", [0.5, -0.5])
    assert client.query("sour4:list:volt?;:syst:err:all?") == '0.5,-0.5;0, "No error"'


def test_level_reaches_the_plant_with_its_slew(bench: Any) -> None:
    dac = bench(QdevilQdac2)
    dac.ask("sour2:volt:slew 0.1;:sour2:volt 0.5")
    assert dac.plant.calls == [("level", 2, 0.5, 0.1)]


def test_slew_follows_lab_time(bench: Any) -> None:
    dac = bench(QdevilQdac2)
    dac.ask("sour1:volt:slew 0.1;:sour1:volt 0.5")
    dac.plant.time_s = 2.0
    assert float(dac.ask("sour1:volt:last?")) == pytest.approx(0.2)
    dac.ask("sour1:volt -0.5")
    dac.plant.time_s = 3.0
    assert float(dac.ask("sour1:volt:last?")) == pytest.approx(0.1)
    dac.plant.time_s = 30.0
    assert float(dac.ask("sour1:volt:last?")) == -0.5


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("sour1:rang low;:sour1:volt 2", 0),
        ("sour1:rang low;:sour1:volt 2.001", -222),
        ("sour1:volt 10", 0),
        ("sour1:volt 10.001", -222),
        ("sour1:volt nan", -222),
        ("sour1:rang low;:sour1:list:volt 0,-2", 0),
        ("sour1:rang low;:sour1:list:volt 0,-2.001", -222),
        ("sour1:list:volt 0;:sour1:list:volt:app 11", -222),
        (b"sour1:list:volt #18" + np.array([0, np.nan], "<f4").tobytes(), -222),
        (b"sour1:list:volt #18" + np.array([0, 10.1], "<f4").tobytes(), -222),
        (b"sour1:list:volt #17" + bytes(7), -161),
        ("sour1:swe:star -10.1", -222),
        ("sour1:swe:stop 10.1", -222),
        ("sour1:volt:trig 10.1", -222),
        ("sour1:volt 5;:sour1:rang low", -221),
        ("sour1:volt:slew 0.009", -222),
        ("sour1:volt:slew 2e7", 0),
        ("sour25:volt 1", -114),
        ("sour:volt 1,(@1,25)", -222),
        ("sour1:dc:trig:sour int15", -224),
        ("sour1:volt:mode list;:sour1:dc:init", -221),
    ],
)
def test_limits(bench: Any, message: str | bytes, number: int) -> None:
    dac = bench(QdevilQdac2)
    dac.ask(message)
    assert dac.error() == number


def test_refused_level_of_one_output_moves_none(bench: Any) -> None:
    dac = bench(QdevilQdac2)
    dac.ask("sour2:rang low;:sour:volt 3,(@1,2)")
    assert dac.error() == -222
    assert levels(dac) == []


def test_list_steps_in_lab_time(bench: Any) -> None:
    dac = bench(QdevilQdac2)
    dac.ask("sour1:volt:mode list;:sour1:list:volt 1,2,3;:sour1:list:dwel 5;:sour1:dc:init")
    dac.ask("*opc?")
    assert levels(dac) == [1.0]
    for time_s, seen in ((4.9, [1.0]), (5.0, [1.0, 2.0]), (10.0, [1.0, 2.0, 3.0])):
        dac.plant.time_s = time_s
        dac.wait(0.01)
        assert levels(dac) == seen
    assert dac.ask("sour1:list:ncl?") == b"0\n"


def test_stepped_list_waits_for_each_trigger(bench: Any) -> None:
    dac = bench(QdevilQdac2)
    dac.ask("sour1:volt:mode list;:sour1:list:volt 1,2;:sour1:list:tmod step;:sour1:dc:trig:sour int3")
    dac.ask("sour1:dc:init:cont on")
    assert levels(dac) == []
    for seen in ([1.0], [1.0, 2.0], [1.0, 2.0, 1.0]):
        dac.ask("tint 4")
        dac.ask("tint 3")
        assert levels(dac) == seen


def test_sweep_runs_backwards_and_is_aborted_by_reset(bench: Any) -> None:
    dac = bench(QdevilQdac2)
    dac.ask("sour1:volt:mode swe;:sour1:swe:star 0;stop 1;poin 3;dwel 1;dir down;coun -1;:sour1:dc:trig:sour bus")
    dac.ask("sour1:dc:init")
    dac.ask("*trg")
    dac.plant.time_s = 3.0
    dac.wait(0.02)
    assert levels(dac) == [1.0, 0.5, 0.0, 1.0]
    dac.ask("*rst")
    assert levels(dac)[4:] == [0.0] * 24
    dac.plant.time_s = 10.0
    dac.wait(0.01)
    assert len(levels(dac)) == 28


def test_power_cycle_takes_every_output_to_zero(bench: Any) -> None:
    dac = bench(QdevilQdac2)
    dac.ask("sour1:volt 1")
    dac.loop.run_until_complete(dac.box.power_cycle())
    dac.ask("*opc?")
    assert levels(dac) == [1.0] + [0.0] * 24
