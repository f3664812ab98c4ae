"""Lines at other rates than the fridge's grid, and with delays of their own."""

from __future__ import annotations

import numpy as np
import pytest

from qctl.hil.labs.draw import draw_lab
from qctl.hil.labs.open_architecture import OPEN_LABS
from qctl.hil.plant.block import Physics
from qctl.hil.plant.cables import connector
from qctl.hil.plant.rack import Playing, Rack
from qctl.hil.plant.wiring import Wiring


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


@pytest.mark.parametrize("order", [("awg0", "qrm0"), ("qrm0", "awg0")])
def test_what_arrives_does_not_depend_on_which_box_attached_first(order):
    lab = draw_lab("transmon1", 3)
    physics, rack = Physics(lab.processor, lab.cables, 1), Rack()
    for name in order:
        box = rack.attach(name, "awg", 4, 0)
        box.rate_hz, box.armed = {"awg0": 1.2e9, "qrm0": 1e9}[name], True
    assert physics.wiring.look(rack, 0.0).rate_hz == 1.2e9


@pytest.mark.parametrize("name", ["mixed1", "mixed1-qblox"])
def test_a_rack_of_mixed_rates_follows_the_fridge_at_that_of_its_drives(name):
    lab = draw_lab(name, 3)
    physics, rack = Physics(lab.processor, lab.cables, 1), Rack()
    reader = rack.attach("reader", "awg", 2, 2)
    reader.rate_hz, reader.armed = 2e9, True
    assert physics.wiring.look(rack, 0.0).rate_hz == 1.2e9


def test_all_racks_of_a_seed_have_the_same_fridge():
    first, *others = (draw_lab(name, 11) for name in OPEN_LABS)
    for other in others:
        assert other.processor == first.processor
        assert other.cables.delays_s["q0.flux"] == first.cables.delays_s["q0.flux"]
    assert draw_lab("open-architecture", 12).processor != first.processor


def test_trigger_of_a_chassis_reaches_its_modules():
    assert draw_lab("open-architecture", 1).cables.all_triggers()["qcm0"] == "trig0:1"
    assert draw_lab("qblox2", 1).cables.all_triggers() == {}


def test_a_line_is_one_object_for_as_long_as_it_plays_the_same_with_the_same_faults():
    lab = draw_lab("transmon2", 3)
    name, output = connector(lab.cables.flux[0].output)
    physics, rack = Physics(lab.processor, lab.cables, 1), Rack()
    awg = rack.attach(name, "awg", 4, 0)
    rack.add_runs("w", 3, ((0, np.ones(3, np.float32)),))
    awg.rate_hz, awg.armed = 1.2e9, True

    def flux(volts_pp):
        awg.playing = {output: Playing((("w", 1),), volts_pp, 0.0, True)}
        played = physics.wiring.look(rack, 0.0)
        return played.flux[0], physics.wiring.gather(rack, played).flux[0]

    (line, runs), (other, _) = flux(1.0), flux(0.5)
    assert line is not None and other is not line
    again = flux(1.0)
    assert again[0] is line and again[1] is runs
    physics.faults.put("scale", "q0.flux", 0.5)
    faulty, halved = flux(1.0)
    assert faulty is not line
    np.testing.assert_allclose(halved[0].volts, 0.5 * runs[0].volts)
