"""The emulated cluster behind its trigger input: each shot is what a program does between two triggers."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from qctl.errors import DeviceError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.instruments.qblox import core as cores
from qctl.hil.instruments.qblox.cluster import QbloxCluster

MODULES = "2=qcm0:qblox-qcm,3=qcm1:qblox-qcm,4=qrm0:qblox-qrm"
PROGRAM = """wait_sync 4
move {n},R0
a: wait_trigger 15,4
set_awg_gain 1000,1000
play 0,0,20
loop R0,@a
move {m},R0
b: wait_trigger 15,4
set_awg_gain {gain},{gain}
play 0,0,20
wait 400
loop R0,@b
stop
"""
ACQUIRES = """wait_sync 4
move 6,R0
move 0,R1
a: wait_trigger 15,4
acquire 0,R1,400
add R1,1,R1
loop R0,@a
stop
"""


class Plant(NoPlant):
    """Notes what is followed, and says how many triggers have come."""

    def __init__(self):
        super().__init__()
        self.boxes, self.kinds, self.order, self.busy_s, self.held = (), (), np.empty(0), 0.0, {}
        self.done = None

    async def waveforms(self, waveforms):
        self.held |= waveforms

    async def follow(self, boxes, kinds, order, rate_hz, tones=None, busy_s=0.0):
        self.boxes, self.kinds, self.order, self.busy_s = boxes, kinds, order, busy_s
        self.done = asyncio.get_running_loop().create_future()
        return self.done

    def tell_unfollow(self, box):
        if box in self.boxes and not self.done.done():
            self.done.set_exception(DeviceError(f"{box}: stopped"))

    async def ask(self, verb, **content):
        return {"n_left": 0 if self.done.done() else len(self.order)}


def cluster_with(plant, programs):
    """Return a cluster whose trigger input is mapped, and a sequencer for each program, armed."""
    cluster = QbloxCluster(EmulatorConfig("qblox-cluster", "cluster0", modules=MODULES), plant)
    cluster.put("trigger_mapped", True)
    cluster.put("trigger_address", 15)
    found = []
    for slot, program in programs.items():
        one = cluster.slots[slot].sequencers[0]
        one.waveforms.new("w", 10)
        one.waveforms.put("w", np.full(10, 0.5, "<f4").tobytes())
        one.configure(b'{"seq_proc": {"sync_en": true}}')
        one.load(program)
        one.arm()
        found.append(one)
    return cluster, found


async def start(cluster):
    """Start all sequencers, as the cluster's SLOT:SEQuencer:START does."""
    await all_do(cluster, "START")


async def all_do(cluster, verb):
    """Have all sequencers do something by one command of the cluster."""
    found = cluster.table.find(f"SLOT:SEQUENCER:{verb}")
    done = found.command.call(found.suffixes, [])
    if done is not None:
        await done


@pytest.mark.parametrize("held", [1 << 20, 50])
def test_shots_are_followed_in_order_and_counted(monkeypatch, held):
    monkeypatch.setattr(cores, "MOST_ROWS", held)
    monkeypatch.setattr(cores, "_FIRST_ROWS", min(held, 64))

    async def run():
        plant = Plant()
        programs = {2: PROGRAM.format(n=300, m=200, gain=2000), 3: PROGRAM.format(n=300, m=200, gain=1000)}
        cluster, (one, other) = cluster_with(plant, programs)
        await start(cluster)
        assert one.state == other.state == "RUNNING"
        assert plant.boxes == ["qcm0", "qcm1"] and plant.order.tolist() == [0] * 300 + [1] * 200
        digests = [kind.outputs["qcm0"][1].digest for kind in plant.kinds]
        levels = [plant.held[digest][1][0][1].max() for digest in digests]
        assert levels[1] == pytest.approx(2 * levels[0], rel=0.01)
        assert 420e-9 <= plant.busy_s < 1e-6
        said = await cluster.state(one)
        assert said.split(";")[1] == "RUNNING"
        plant.done.set_result([[], []])
        assert (await cluster.state(one)).split(";")[1] == "STOPPED" and other.state == "STOPPED"

    asyncio.run(run())


def test_stopped_sequencers_wait_for_no_more_triggers():
    async def run():
        plant = Plant()
        cluster, (one,) = cluster_with(plant, {2: PROGRAM.format(n=3, m=2, gain=5)})
        await start(cluster)
        assert len(plant.order) == 5
        await all_do(cluster, "STOP")
        assert plant.done.done() and one.state == "STOPPED" and "stopped" not in one.status()

    asyncio.run(run())


def test_acquisitions_behind_a_trigger_fill_bins_in_the_order_of_the_shots():
    async def run():
        plant = Plant()
        cluster, (one, *_) = cluster_with(plant, {4: ACQUIRES, 2: PROGRAM.format(n=2, m=4, gain=2000)})
        one.acquisitions.new("a", 6)
        one.configure(b'{"acq": [{"th_acq": {"non_weighed_integration_len": 440}}]}')
        await start(cluster)
        # Two kinds of shots, as the other module plays.
        assert plant.order.tolist() == [0, 0, 1, 1, 1, 1] and plant.busy_s >= 444e-9
        for kind in plant.kinds:
            (seen,) = kind.integrations
            assert seen.box == "qrm0" and seen.weights.shape == (2, 2, 440)
        sums = [np.array([[1.0, 0.1], [2.0, 0.2]]), np.arange(3.0, 7.0)[:, None] * [1.0, 0.1]]
        plant.done.set_result([[table] for table in sums])
        assert (await cluster.state(one)).split(";")[1] == "STOPPED"
        held = next(iter(one.acquisitions.all.values()))
        np.testing.assert_allclose(held.sums[:, 0], 2 * np.arange(1.0, 7.0))  # 0.5 V of the input are 1
        assert held.counts.tolist() == [1] * 6

    asyncio.run(run())
