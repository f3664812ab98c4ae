"""RF modules of the emulated cluster: what leaves their outputs depends on switches, attenuators and LOs."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from qblox_box import EXAMPLE, emulated_cluster

from qctl.errors import DeviceError, LimitError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.instruments.qblox.cluster import QbloxCluster
from qctl.instruments.registry import open_device
from qctl.lab import parse_lab

PLAY = "{head}wait_sync 4\nplay 0,0,20\n{middle}play 0,0,20\nstop\n"
NAME, OPEN, SHUT = "rfc0", "set_mrk 2\nupd_param 4\n", "set_mrk 0\nupd_param 4\n"


class Plant(NoPlant):
    """Notes what is played."""

    def __init__(self):
        super().__init__()
        self.waves, self.played = {}, []

    async def waveforms(self, waveforms):
        self.waves |= waveforms

    async def play(self, outputs, integrations, rate_hz, n_shots, period_s, rates_hz=(), tones=()):
        self.played.append((outputs, tones))
        return n_shots, []


def played(head="", middle="", commands=()):
    """Return levels of converter 3, which is I of output 2, its samples, and the LOs."""

    async def work():
        plant = Plant()
        cluster = QbloxCluster(EmulatorConfig("qblox-cluster", "cluster0", modules=f"2={NAME}:qblox-qcm-rf"), plant)
        module = cluster.slots[2]
        for name, value in commands:
            module.put(name, value)
        one = module.sequencers[0]
        one.waveforms.new("w", 20)
        one.waveforms.put("w", np.full(20, 0.5, "<f4").tobytes())
        one.route(b"[[2],[3]]")
        one.load(PLAY.format(head=head, middle=middle))
        one.arm()
        cluster.start([one])
        await asyncio.wait_for(cluster._task, 60)
        ((outputs, tones),) = plant.played
        found = outputs[NAME][3]
        samples = np.zeros(44)
        if found.digest is not None:
            n, runs = plant.waves[found.digest]
            assert n <= len(samples)
            for start, part in runs:
                samples[start : start + len(part)] = part
        assert all(outputs[NAME][k].digest is None for k in (1, 2))
        return found, samples, tones

    return asyncio.run(work())


def test_output_is_silent_until_its_marker_opens_the_switch():
    assert not played()[1].any()
    assert not played(head="set_mrk 1\nupd_param 4\n")[1].any()  # that of output 1
    np.testing.assert_allclose(played(head=OPEN)[1][:40], 0.5, atol=1e-4)


def test_switch_that_closes_in_the_middle_cuts_off_what_comes():
    samples = played(head=OPEN, middle=SHUT)[1]
    np.testing.assert_allclose(samples[:20], 0.5, atol=1e-4)
    assert not samples[20:].any()


def test_attenuator_lowers_what_its_output_reaches_and_leaves_the_other():
    full = played(head=OPEN)[0].amplitude_vpp
    assert played(head=OPEN, commands=[("attenuation1_db", 20)])[0].amplitude_vpp == pytest.approx(full / 10)
    assert played(head=OPEN, commands=[("attenuation0_db", 20)])[0].amplitude_vpp == full


def test_each_output_has_an_lo_of_its_own():
    tones = played(head=OPEN, commands=[("lo1_hz", 5_100_000_000), ("lo1_on", True)])[2]
    assert tones["rfc0.lo2"] == (5.1e9, 10.0, True) and not tones["rfc0.lo1"][2]


@pytest.fixture(scope="module")
def port():
    with emulated_cluster({2: ("rf0", "qblox-qcm-rf"), 3: ("qcm0", "qblox-qcm"), 4: ("qrm0", "qblox-qrm-rf")}) as found:
        yield found


def rack(port, slots):
    text = EXAMPLE.with_name("qblox_rf2.toml").read_text()
    for old, slot in zip((25002, 25003, 25004), slots, strict=True):
        text = text.replace(f"::{old}::", f"::{port + slot}::")
    return parse_lab(text)


def test_settings_of_connectors_are_set_read_and_bounded(port):
    lab = rack(port, (3, 2, 4))
    device = open_device(lab.instrument("rf0"), lab)
    try:
        for name, value in (
            ("output2_lo_hz", 4_987_654_321.0), ("output2_lo_on", True), ("output1_attenuation_db", 14),
            ("output1_mixer_q_v", -0.0125),
        ):  # fmt: skip
            device.set(name, value)
            assert device.get(name) == pytest.approx(value), name
        with pytest.raises(LimitError, match="output1_attenuation_db = 5 is not a multiple of 2 dB"):
            device.set("output1_attenuation_db", 5)
        with pytest.raises(LimitError, match=r"output1_lo_hz = 1.9e\+09 is outside \[2e\+09, 1.8e\+10\]"):
            device.set("output1_lo_hz", 1.9e9)
        with pytest.raises(LimitError, match="output2_lo_on = 'maybe' is neither true nor false"):
            device.set("output2_lo_on", "maybe")
        device.safe()
        assert device.get("output2_lo_on") is False
    finally:
        device.close()


def test_baseband_module_in_the_place_of_an_rf_module_is_refused(port):
    lab = rack(port, (2, 3, 4))
    with pytest.raises(
        DeviceError, match=r"rf0: it has no LO .*, and lab\.toml says that it is a qblox-qcm-rf: correct"
    ):
        open_device(lab.instrument("rf0"), lab)
