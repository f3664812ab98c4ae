"""The emulated cluster's runs: shots that are alike are found, long runs are worked off in parts, bins are filled."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from qctl.errors import RefusedError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.instruments.qblox import core as cores
from qctl.hil.instruments.qblox import playing
from qctl.hil.instruments.qblox.assembly import assemble
from qctl.hil.instruments.qblox.cluster import QbloxCluster
from qctl.hil.instruments.qblox.lists import AcquisitionList, WaveList

MODULES = "2=qcm0:qblox-qcm,4=qrm0:qblox-qrm"
DRIVE = """wait_sync 4
move {n},R0
nop
l: set_awg_gain 1000,1000
play 0,0,20
wait 60000
set_awg_gain 2000,2000
play 0,0,20
wait 60000
loop R0,@l
stop
"""
READ = """wait_sync 4
move {n},R0
move 0,R1
nop
l: acquire 0,0,60020
nop
acquire 1,R1,60020
add R1,1,R1
nop
loop R0,@l
stop
"""


class Plant(NoPlant):
    """Notes what is played, and how often."""

    def __init__(self):
        super().__init__()
        self.blocks = []

    async def play(self, outputs, integrations, rate_hz, n_shots, period_s, **more):
        played = outputs["qcm0"][1].digest, outputs["qrm0"][1].digest
        self.blocks.append((played, n_shots, period_s))
        return await super().play(outputs, integrations, rate_hz, n_shots, period_s, **more)


def run(n, plant):
    """Play n repetitions of two points on two modules; return the reading sequencer."""

    async def work():
        cluster = QbloxCluster(EmulatorConfig("qblox-cluster", "cluster0", modules=MODULES), plant)
        drive, read = cluster.slots[2].sequencers[0], cluster.slots[4].sequencers[3]
        drive.waveforms.new("w", 10)
        drive.waveforms.put("w", np.full(10, 0.5, "<f4").tobytes())
        for name, n_bins in (("a", 1), ("b", n)):
            read.acquisitions.new(name, n_bins)
        for one, program in ((drive, DRIVE), (read, READ)):
            one.configure(b'{"seq_proc": {"sync_en": true}}')
            one.load(program.format(n=n))
            one.arm()
        cluster.start([drive])
        assert (drive.state, cluster._task) == ("RUNNING", None)  # it waits for the other one
        cluster.start([read])
        await asyncio.wait_for(cluster._task, 60)
        return drive, read

    return asyncio.run(work())


@pytest.mark.parametrize("held", [1 << 20, 40])
def test_equal_shots_are_played_at_once_and_bins_are_filled_one_by_one(monkeypatch, held):
    monkeypatch.setattr(cores, "MOST_ROWS", held)
    monkeypatch.setattr(cores, "_FIRST_ROWS", min(held, 64))
    monkeypatch.setattr(playing, "MOST_ROWS", held)
    plant = Plant()
    drive, read = run(300, plant)
    assert drive.status() == "OKAY;STOPPED;0;;;;"
    assert read.status() == "OKAY;STOPPED;0;ACQ BINNING DONE,;;;"
    sizes = {}
    for played, n, period_s in plant.blocks:
        sizes[played] = sizes.get(played, 0) + n
        assert period_s == pytest.approx(60_020e-9, rel=0.01)
    assert sorted(sizes.values()) == [300, 300]
    assert (len(plant.blocks) > 2) == (held < 100)
    first, second = read.acquisitions.get("a"), read.acquisitions.get("b")
    assert first.counts.tolist() == [300] and second.counts.tolist() == [1] * 300
    np.testing.assert_allclose(second.sums[:, 0], 1024 * 0.1 / 0.5, rtol=1e-3)


def test_shot_with_more_than_is_held_is_an_error_and_not_a_hang(monkeypatch):
    monkeypatch.setattr(cores, "MOST_ROWS", 64)
    monkeypatch.setattr(cores, "_FIRST_ROWS", 64)

    async def work():
        cluster = QbloxCluster(EmulatorConfig("qblox-cluster", "cluster0", modules=MODULES), NoPlant())
        one = cluster.slots[2].sequencers[0]
        one.waveforms.new("w", 4)
        one.load("move 1000,R0\nnop\nl: play 0,0,200\nloop R0,@l\nstop\n")
        one.arm()
        cluster.start([one])
        await asyncio.wait_for(cluster._task, 60)
        return one.status()

    assert "a shot has over" in asyncio.run(work())


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("wat 4\nstop", "line 1: unknown instruction wat"),
        ("nop\nwait 70000", r"line 2: 70000 is outside \[0, 65535\]"),
        ("play 0,1", "play with 2 operands"),
        ("play R1,2,4", "mixture of registers and immediates"),
        ("add 1,2,R3", "mixture of registers and immediates"),
        ("move 1,R64", "no register R64"),
        ("jmp @x", "label x is not there"),
        ("x: nop\nx: nop", "line 2: label x is there twice"),
        ("set_freq x", "'x' is no number"),
        ("wait @x", "is a label where none can be"),
        ("move 1,2", "2 is no register"),
        ("upd_param R1", "R1 is a register where an immediate has to be"),
        ("add R1,-2147483649,R2", "is outside"),
    ],
)
def test_programs_that_cannot_be_assembled(program, words):
    with pytest.raises(RefusedError, match=words):
        assemble(program)


def test_memories_refuse_what_does_not_fit():
    waves = WaveList("Waveform", 100, 3)
    waves.new("a", 60)
    with pytest.raises(RefusedError, match="already in waveform list"):
        waves.new("a", 1)
    with pytest.raises(RefusedError, match="memory of 100 samples is full"):
        waves.new("b", 41)
    with pytest.raises(RefusedError, match="60 samples got 4 bytes"):
        waves.put("a", b"\0\0\0\0")
    with pytest.raises(RefusedError, match=r"outside \[-1, 1\]"):
        waves.put("a", np.full(60, 1.5, "<f4").tobytes())
    with pytest.raises(RefusedError, match="does not exist"):
        waves.put("b", b"")
    waves.new("b", 40)
    with pytest.raises(RefusedError, match="index 0 already in use by a"):
        waves.set_index("b", 0)
    with pytest.raises(RefusedError, match=r"index 4 is outside \[0, 3\]"):
        waves.set_index("b", 4)
    acquisitions = AcquisitionList(10)
    acquisitions.new("m", 10)
    with pytest.raises(RefusedError, match="over 10 in all"):
        acquisitions.new("n", 1)
    assert not acquisitions.get("m").fill(np.array([10]), np.zeros((1, 2)), np.zeros(1, bool))
