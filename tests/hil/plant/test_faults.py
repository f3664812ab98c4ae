"""Faults in cables: what they do to samples, and where they may be set."""

import numpy as np
import pytest
from runs import runs_of

from qctl.errors import RequestError
from qctl.hil.faults.present import WireFaults
from qctl.hil.labs.draw import draw_lab
from qctl.hil.labs.kinds import drawn, faults_of
from qctl.hil.physics.lines import Run
from qctl.hil.plant.faults import FaultTable, invert_pulse
from qctl.hil.plant.rack import Playing, Rack, Tone
from qctl.hil.plant.wiring import Wiring

FILE = draw_lab("transmon2", 5)
NAMES = ("q0", "q1")


def table():
    return FaultTable(FILE.cables, NAMES)


def pulse(n, frequency_hz):
    k = np.arange(n)
    return np.sin(np.pi * (k + 0.5) / n) ** 2 * np.exp(2j * np.pi * frequency_hz * k / 1.2e9)


def test_second_of_two_pulses_without_a_gap_is_inverted():
    volts = np.concatenate([pulse(24, 3e8), pulse(24, 3e8)])
    (run,) = invert_pulse((Run(5, volts),), 2)
    np.testing.assert_array_equal(run.volts[:24], volts[:24])
    np.testing.assert_array_equal(run.volts[24:], -volts[24:])


def test_pulse_is_found_across_runs_and_the_last_stands_in_for_a_missing_one():
    runs = (Run(0, pulse(24, 1e8)), Run(100, pulse(24, 1e8)))
    assert invert_pulse(runs, 1)[0].volts[10] == -runs[0].volts[10]
    assert invert_pulse(runs, 9)[1].volts[10] == -runs[1].volts[10]
    assert invert_pulse((), 1) == ()


def rack():
    rack = Rack()
    drive = pulse(24, 2e8)
    for name, part in (("i", drive.real), ("q", drive.imag)):
        rack.add_runs(name, *runs_of(part))
    box = rack.attach("awg0", "awg", 4, 0)
    box.playing = {1: Playing((("i", 1),), 1.0, 0.0, True), 2: Playing((("q", 1),), 1.0, 0.0, True)}
    box.rate_hz, box.armed = 1.2e9, True
    rack.attach("lo_drive", "source", 1, 0).tone = Tone(5.1e9, 10.0, True)
    return rack, drive / 2


def arriving(faults, qubit):
    found, drive = rack()
    wiring = Wiring(FILE.cables, NAMES, faults)
    lines = wiring.gather(found, wiring.look(found, 0.0))
    return lines, lines.drive[qubit], drive


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("inverted_i", lambda z: -z.conj()),
        ("scale", lambda z: z / 2),
        ("inverted_pulse", lambda z: -z),
    ],
)
def test_fault_on_a_drive_line_changes_its_samples(name, change):
    faults = table()
    assert faults.put(name, "awg0:2", None).on == "q0.drive"
    _, runs, drive = arriving(faults, 0)
    np.testing.assert_allclose(runs[0].volts, change(drive), atol=1e-6)
    faults.clear()
    _, runs, drive = arriving(faults, 0)
    np.testing.assert_allclose(runs[0].volts, drive, atol=1e-6)


def test_swapped_drive_cables_reach_the_other_qubit():
    faults = table()
    assert faults.put("swap", "awg0:1", "awg0:3").value == "q1.drive"
    _, own, drive = arriving(faults, 0)
    _, other, _ = arriving(faults, 1)
    assert own == ()
    np.testing.assert_allclose(other[0].volts, drive, atol=1e-6)


def test_lo_shift_moves_every_line_of_that_lo():
    faults = table()
    faults.put("lo_shift", None, None)
    lines, _, _ = arriving(faults, 0)
    assert lines.drive_lo_hz == (5.105e9, 5.105e9)
    faults.clear()
    faults.put("lo_shift", "lo_readout", "2e6")
    assert faults.present()[0].value == 2e6


def test_box_faults_go_to_the_box():
    faults = table()
    faults.put("silence", None, None)
    faults.put("delay", "awg0:1", "0.25")
    assert faults.of_box("dig0") == {"silence": True}
    assert faults.of_box("awg0") == {"delay": 0.25}


@pytest.mark.parametrize(
    ("name", "on", "value", "says"),
    [
        ("melt", None, None, "not one of"),
        ("scale", "awg9:1", None, "no line"),
        ("inverted_i", "awg0", None, "awg0 has several lines, and a fault is on one: name q0.drive or q1.drive"),
        ("lo_shift", "awg0", None, "not an LO"),
        ("silence", "nobody", None, "not one of"),
        ("scale", "q0", "much", "not a number"),
        ("scale", "q0", "nan", r"nan \(.*\) is outside \[-1e\+12, 1e\+12\]"),
        ("delay", "awg0", 1e308, r"1e\+308 \(s\) is outside \[0, 1e\+12\]"),
        ("drop", "awg0", 1e308, r"1e\+308 \(replies\) is outside \[1, 1e\+12\]"),
        ("late_reply", "awg0", -1, r"late_reply: value -1 \(s\) is outside \[0, 1e\+12\]"),
        ("flipped", "awg0", 2, r"outside \[0, 1\]"),
        ("drop", "awg0", 1.5, "no whole number"),
        ("inverted_pulse", "q0", 0, r"outside \[1, 1e\+12\]"),
        ("silence", "awg0", "maybe", "neither true nor false"),
    ],
)
def test_wrong_fault_is_refused_by_name(name, on, value, says):
    with pytest.raises(RequestError, match=says):
        table().put(name, on, value)


def test_single_faults_are_cleared_by_name_by_place_or_both():
    faults = table()
    for name, on in (("scale", "q0"), ("scale", "q1"), ("inverted_i", "q1"), ("delay", "awg0"), ("delay", "dig0")):
        faults.put(name, on, None)
    version = faults.version
    assert [(f.name, f.on) for f in faults.clear("scale", "awg0:3")] == [("scale", "q1.drive")]
    assert faults.version > version
    assert [(f.name, f.on) for f in faults.clear("delay")] == [("delay", "awg0"), ("delay", "dig0")]
    assert [(f.name, f.on) for f in faults.clear(on="awg0")] == [("scale", "q0.drive"), ("inverted_i", "q1.drive")]
    assert faults.present() == [] and faults.clear() == []


@pytest.mark.parametrize("wish", [("scale", "q1"), ("delay", None), (None, "dig0"), ("melt", None)])
def test_fault_that_is_not_set_is_not_cleared(wish):
    faults = table()
    faults.put("scale", "q0", None)
    with pytest.raises(RequestError, match=r"is not set; set is scale on q0\.drive"):
        faults.clear(*wish)
    assert len(faults.present()) == 1


def test_a_fault_that_its_place_does_not_show_is_refused() -> None:
    table = faults_of(drawn("transmon2", 3))
    with pytest.raises(RequestError, match=r"warm is set on a refrigerator, and lo_drive \(rohde-schwarz-sgs100a\) is"):
        table.put("warm", "lo_drive", None)
    for name, on in (("lost_event", "dig0"), ("renamed", "awg0"), ("protocol", "awg0"), ("unlocked", "dc0")):
        with pytest.raises(RequestError, match=f"{name} is set on .*, and {on}"):
            table.put(name, on, None)
    assert table.present() == []
    table.put("lost_event", "awg0", None)
    table.put("renamed", "trig0", None)
    faults_of(drawn("open-architecture", 3)).put("warm", "fridge", None)
    assert [fault.name for fault in table.present()] == ["lost_event", "renamed"]


def test_a_fault_that_is_used_up_is_listed_no_more_until_it_is_set_again() -> None:
    table = faults_of(drawn("transmon2", 3))
    table.put("cut", "lo_drive", 4)
    table.spend("cut", "lo_drive")
    assert table.present() == []
    assert table.of_box("lo_drive") == {}
    table.put("cut", "lo_drive", 4)
    assert table.of_box("lo_drive") == {"cut": 4}
    table.spend("cut", "lo_drive")
    assert [fault.name for fault in table.clear("cut", "lo_drive")] == ["cut"]  # a scenario may clear it all the same
    table.spend("cut", "lo_drive")
    assert table.present() == []


def test_what_is_used_up_is_told_once() -> None:
    told: list[str] = []
    faults = WireFaults(cut=2, drop=2, brown_out=10, silence=True)
    faults.on_spent = told.append
    assert (faults.take("cut"), faults.take("cut")) == (2, None)
    assert [faults.take("drop") for _ in range(3)] == [True, 1, None]
    assert [faults.spend("brown_out", 5) for _ in range(3)] == [False, True, False]
    assert told == ["cut", "drop", "brown_out"]


def test_a_unit_of_a_line_has_no_port_of_its_own_to_lose() -> None:
    table = faults_of(drawn("bridged1", 3))
    with pytest.raises(RequestError, match="renamed is set on bus0, not on valve0, which is on it"):
        table.put("renamed", "valve0", None)
    assert (table.put("stalled", "valve0", None).on, table.put("renamed", "bus0", None).on) == ("valve0", "bus0")
