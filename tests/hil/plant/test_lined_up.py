"""Shots that a box has lined up for triggers, and lines at other rates and with delays of their own."""

from __future__ import annotations

import numpy as np
import pytest

from qctl.errors import DeviceError
from qctl.hil.labs.draw import draw_lab
from qctl.hil.labs.open_architecture import OPEN_LABS
from qctl.hil.plant.block import Physics
from qctl.hil.plant.lined_up import LinedUp, check_shots, pass_shots
from qctl.hil.plant.rack import Playing, Rack
from qctl.hil.plant.wiring import Wiring

FIRST, SECOND = {1: Playing((("a", 1),), 1.0, 0.0, True)}, {1: Playing((("b", 1),), 1.0, 0.0, True)}


def box(*kinds, busy_s=1e-5):
    """Return a box that has lined up shots."""
    found = Rack().attach("qcm0", "awg", 4, 0)
    found.lined_up, found.armed, found.playing = LinedUp(list(kinds), busy_s, 0, kinds[0][1]), True, kinds[0][0]
    return found


def test_shots_are_played_one_after_the_other_until_none_is_left():
    one = box((FIRST, 3), (SECOND, 2))
    assert not pass_shots([one], 2) and (one.playing, one.lined_up.n_shots) == (FIRST, 3)
    assert pass_shots([one], 1) and (one.playing, one.lined_up.n_shots) == (SECOND, 2)
    assert pass_shots([one], 2) and one.lined_up is None and not one.armed and one.playing == {}
    assert not pass_shots([one], 2)


@pytest.mark.parametrize(
    ("n_shots", "period_s", "words"),
    [
        (4, 1e-3, "qcm0 has lined up 3 shots that are alike, 4 are fired"),
        (3, 9e-6, r"qcm0 is busy for 1e-05 s, triggers come every 9e-06 s: it would miss them"),
    ],
)
def test_triggers_that_a_box_can_not_follow_are_refused(n_shots, period_s, words):
    one = box((FIRST, 3), (SECOND, 2))
    check_shots([one], 3, 1e-5)
    with pytest.raises(DeviceError, match=words):
        check_shots([one], n_shots, period_s)


def arrived(samples, own_hz, late_s, grid_hz, offset_v=0.0):
    """Return what arrives on q0's flux line of a flat grid: (first sample, volts)."""
    cables = draw_lab("open-architecture", 3).cables
    line = {"q0.drive": 10e-9, "q0.flux": 10e-9 + late_s}
    physics = Physics(draw_lab("open-architecture", 3).processor, cables, 1)
    wiring = Wiring(
        type(cables)(
            cables.drive, cables.flux, cables.readout, cables.triggers, delays_s=line, grid_hz=grid_hz
        ),
        physics.names,
        physics.faults,
    )  # fmt: skip
    rack = Rack()
    awg = rack.attach("awg0", "awg", 4, 0)
    rack.add_runs("w", len(samples), ((0, np.asarray(samples, np.float32)),))
    awg.playing, awg.rate_hz, awg.armed = {3: Playing((("w", 1),), 2.0, offset_v, True)}, own_hz, True
    (run,) = wiring.gather(rack, wiring.look(rack, 0.0)).flux[0]
    return run


def test_samples_on_the_grid_are_moved_as_they_are():
    run = arrived([0.1, 0.2, 0.3], 1e9, 3e-9, 1e9)
    assert run.start == 13
    np.testing.assert_allclose(run.volts, [0.1, 0.2, 0.3], rtol=1e-6)


@pytest.mark.parametrize(("own_hz", "late_s"), [(1.2e9, 0.0), (1.2e9, 3.37e-9), (1e9, 0.4e-9), (0.5e9, -1.9e-9)])
def test_other_rates_and_parts_of_a_sample_keep_area_and_centre(own_hz, late_s):
    t = (np.arange(200) + 0.5) / own_hz
    samples = 0.5 * np.exp(-0.5 * ((t - 40e-9) / 8e-9) ** 2)
    run = arrived(samples, own_hz, late_s, 1e9)
    at = (run.start + np.arange(run.volts.size) + 0.5) * 1e-9
    assert run.volts.sum() / 1e9 == pytest.approx(samples.sum() / own_hz, rel=1e-6)
    # 1 ps of the pulse's 8 ns: moments of held samples are those of their means over cells.
    assert (run.volts * at).sum() / run.volts.sum() == pytest.approx(50e-9 + late_s, abs=1e-12)


def test_offset_lasts_as_long_as_the_waveform():
    run = arrived([0.0] * 6, 1.2e9, 0.0, 1e9, offset_v=0.25)
    np.testing.assert_allclose(run.volts, 0.25)
    assert (run.start, run.volts.size) == (10, 5)


def test_both_racks_of_a_seed_have_the_same_fridge():
    mixed, scpi = (draw_lab(name, 11) for name in OPEN_LABS)
    assert mixed.processor == scpi.processor
    assert mixed.cables.delays_s["q0.flux"] == scpi.cables.delays_s["q0.flux"]
    assert draw_lab("open-architecture", 12).processor != mixed.processor


def test_trigger_of_a_chassis_reaches_its_modules():
    assert draw_lab("open-architecture", 1).cables.all_triggers()["qcm0"] == "trig0:1"
    assert draw_lab("qblox2", 1).cables.all_triggers() == {}
