"""Sequencers that follow each other's triggers: what is played depends on what was measured, shot by shot."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.instruments.qblox.cluster import QbloxCluster
from qctl.hil.instruments.qblox.steering import arrival_ns

MODULES = "2=qcm0:qblox-qcm,4=qrm0:qblox-qrm"
DRIVE = """set_latch_en 1,4
wait_sync 4
move {n},R0
l: play 0,0,20
wait 500
latch_rst {pause}
set_cond 1,4,{operator},20
play 1,1,20
set_cond 0,0,0,4
wait 60000
loop R0,@l
stop
"""
READ = """wait_sync 4
move {n},R0
move 0,R1
l: wait 20
acquire 0,R1,{until}
acquire 1,R1,{rest}
add R1,1,R1
nop
loop R0,@l
stop
"""


class Plant(NoPlant):
    """Answers with results that it draws: half of the first ones are over the threshold."""

    def __init__(self):
        super().__init__()
        self.chance = np.random.default_rng(3)
        self.asked, self.results, self.later = [], {}, {}
        self.lengths = {}

    async def waveforms(self, waveforms):
        self.lengths |= {
            digest: [(first, len(part)) for first, part in runs] for digest, (_, runs) in waveforms.items()
        }

    async def steer(self, outputs, integration, rate_hz, party, members, end_s, **more):
        found = self.lengths.get(outputs["qcm0"][1].digest, [])
        self.asked.append((party, len(members), found, round(end_s * 1e9)))
        n_sums = len(integration.weights)
        over = self.chance.random(len(members)) < 0.5
        sums = np.where(over[:, None], 50.0, -50.0) * np.ones(n_sums)
        return party + 1, sums


def run(n, plant, operator=0, pause=1000):
    """Play n shots; return the sequencers."""
    whole = 20 + 500 + pause + 20 + 60000

    async def work():
        cluster = QbloxCluster(EmulatorConfig("qblox-cluster", "cluster0", modules=MODULES), plant)
        drive, read = cluster.slots[2].sequencers[0], cluster.slots[4].sequencers[3]
        for name, length in (("w", 10), ("v", 16)):
            drive.waveforms.new(name, length)
            drive.waveforms.put(name, np.full(length, 0.5, "<f4").tobytes())
        for name in "ab":
            read.acquisitions.new(name, n)
        mapped = {"addr": 3, "en": True, "inv": False}
        read.configure(
            json.dumps({"acq": [{"th_acq": {"non_weighed_integration_len": 600}, "th_acq_trg_map": mapped}]}).encode()
        )
        fields = {"n": n, "operator": operator, "pause": pause, "until": 4000, "rest": whole - 4020}
        for one, program in ((drive, DRIVE), (read, READ)):
            one.configure(b'{"seq_proc": {"sync_en": true}}')
            one.load(program.format(**fields))
            one.arm()
        cluster.start([drive])
        cluster.start([read])
        await asyncio.wait_for(cluster._task, 60)
        return drive, read

    return asyncio.run(work())


@pytest.mark.parametrize("operator", [0, 1])
def test_a_pulse_is_played_where_the_result_says_so(operator):
    plant = Plant()
    drive, read = run(300, plant, operator)
    assert drive.status() == "OKAY;STOPPED;0;;;;"
    first, second = (read.acquisitions.get(name) for name in "ab")
    assert (first.counts == 1).all() and (second.counts == 1).all()
    begun = [entry for entry in plant.asked if entry[0] == 0]
    assert [n for _, n, _, _ in begun] == [128, 256] and all(found == [(0, 10)] for _, _, found, _ in begun)
    assert {end for _, _, _, end in begun} == {620}
    # Behind it come those shots that play the other waveform, and those that don't.
    behind = [found for party, _, found, _ in plant.asked if party]
    assert {len(found) for found in behind} == {0, 1} and all(found in ([], [(1520, 16)]) for found in behind)
    played = sum(n for party, n, found, _ in plant.asked if party and found)
    over = int(first.ones[:128].sum() if operator == 0 else 128 - first.ones[:128].sum())
    assert played >= over > 40


def test_a_condition_that_is_asked_for_too_early_sees_no_trigger():
    plant = Plant()
    run(50, plant, 0, 440)  # 960 ns after the start, 340 after the end of the acquisition
    assert all(found == [] for party, _, found, _ in plant.asked if party)


def test_triggers_come_on_a_grid_from_synchronisation_on():
    assert [arrival_ns(1000 + k, 200) for k in (0, 1, 28, 29)] == [1364, 1392, 1392, 1420]


def test_shots_of_a_steered_run_are_fast_enough_to_answer_in_between():
    plant = Plant()
    run(2000, plant)
    assert sum(n for party, n, _, _ in plant.asked if party == 0) >= 2000
