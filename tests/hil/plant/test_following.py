"""Boxes that go on with another's triggers: each trigger plays and integrates what was said of it, in order."""

from __future__ import annotations

import asyncio
from unittest.mock import ANY

import numpy as np
import pytest
from runs import runs_of

from qctl.errors import DeviceError, RequestError
from qctl.hil.labs.draw import draw_lab
from qctl.hil.plant.block import Physics
from qctl.hil.plant.client import Integration, Output, PlantClient
from qctl.hil.plant.clock import LabClock
from qctl.hil.plant.rack import Acquisition
from qctl.hil.plant.service import Plant, Session
from qctl.hil.plant.shot import Kind

RATE_HZ = 2e9
PARTS = {"qc0": ("awg", 14, 2), "qc0.sg1": ("source", 0, 0), "qc0.qa1": ("source", 0, 0)}
TONES = {"qc0.sg1": (5.1e9, 10.0, True), "qc0.qa1": (7.1e9, 10.0, True)}


class Bench:
    """The rack of the lab zurich1 over a real socket."""

    def __init__(self, folder):
        self.file = draw_lab("zurich1", 3)
        self.plant = Plant(Physics(self.file.processor, self.file.cables, 1), LabClock(0.0, 1e4), str(folder))
        self.path = str(folder / "plant")

    async def __aenter__(self):
        self.server = await asyncio.get_running_loop().create_unix_server(lambda: Session(self.plant), self.path)
        self.box, self.trigger = PlantClient(self.path, "zds0"), PlantClient(self.path, "trig0")
        for client, kind, parts in ((self.box, "cluster", PARTS), (self.trigger, "trigger", None)):
            await client.connect()
            await client.hello(kind, 0, 0, parts)
        return self

    async def __aexit__(self, *_):
        for client in (self.box, self.trigger):
            await client.close()
        self.server.close()

    async def kind(self, height):
        """Return a kind that reads out with so many volts."""
        tone_hz = float(np.mean(self.file.processor.transmons[0].resonator.frequency_hz[:2])) - 7.1e9
        times = np.arange(2400) / RATE_HZ
        read = np.where(times >= 80e-9, height, 0) * np.exp(2j * np.pi * tone_hz * times)
        await self.box.waveforms(
            {f"{part}{height}": runs_of(v.astype(np.float32)) for part, v in (("i", read.real), ("q", read.imag))}
        )
        turn = np.exp(-2j * np.pi * tone_hz * (180e-9 + np.arange(2000) / RATE_HZ)) / 2000
        weights = np.stack([[turn.real, -turn.imag], [turn.imag, turn.real]])
        element = {13: Output(f"i{height}", 2.0), 14: Output(f"q{height}", 2.0)}
        return Kind({"qc0": element}, (Integration("qc0", (1, 2), RATE_HZ, 180e-9, weights),))


def test_sums_come_in_the_order_of_the_triggers(tmp_path):
    async def run():
        async with Bench(tmp_path) as bench:
            kinds = [await bench.kind(0.05), await bench.kind(0.1)]
            order = np.array([0, 0, 1, 0, 1, 1, 1, 1])
            done = await bench.box.follow(["qc0"], kinds, order, RATE_HZ, TONES)
            for n in (3, 4):
                assert await bench.trigger.fire(1, n, 1e-4) == n
                assert not done.done()
            assert await bench.trigger.fire(1, 1, 1e-4) == 1
            (weak,), (strong,) = await done
            assert weak.shape == (3, 2) and strong.shape == (5, 2)
            height = [np.median(np.abs(sums @ np.array([1, 1j]))) for sums in (weak, strong)]
            assert height[1] == pytest.approx(2 * height[0], rel=0.2)
            assert not bench.plant.rack.boxes["qc0"].armed
            with pytest.raises(DeviceError, match="nothing is armed on line 1"):
                await bench.trigger.fire(1, 1, 1e-4)

    asyncio.run(run())


def test_too_many_triggers_and_a_box_that_gives_up_are_told(tmp_path):
    async def run():
        async with Bench(tmp_path) as bench:
            kinds = [await bench.kind(0.05)]
            done = await bench.box.follow(["qc0"], kinds, np.zeros(5, int), RATE_HZ, TONES)
            await bench.trigger.fire(1, 2, 1e-4)
            with pytest.raises(DeviceError, match="qc0 has 3 shots left, 4 triggers came"):
                await bench.trigger.fire(1, 4, 1e-4)
            bench.box.tell_unfollow("qc0")
            with pytest.raises(DeviceError, match="qc0: stopped after 2 triggers of 5"):
                await done

    asyncio.run(run())


def test_boxes_play_what_the_coming_shot_asks_for_until_none_is_left(tmp_path):
    async def run():
        async with Bench(tmp_path) as bench:
            kinds = [Kind((await bench.kind(height)).outputs, ()) for height in (0.05, 0.1)]
            done = await bench.box.follow(["qc0"], kinds, np.array([0, 0, 0, 1, 1]), RATE_HZ, TONES, 5e-5)
            box = bench.plant.rack.boxes["qc0"]

            def heard():
                return box.playing[13].steps[0][0] if box.playing else ""

            with pytest.raises(DeviceError, match="qc0 is busy for 5e-05 s, triggers come every 1e-05 s: it would"):
                await bench.trigger.fire(1, 1, 1e-5)
            for n_left, n_shots, wanted in ((5, 2, "i0.05"), (3, 1, "i0.1"), (2, 2, "")):
                assert await bench.box.ask("shots_left") == {"id": ANY, "n_left": n_left}
                await bench.trigger.fire(1, n_shots, 1e-4)
                assert heard() == wanted
            await done
            assert not box.armed and not bench.plant.following

    asyncio.run(run())


def test_shots_that_are_not_alike_can_not_be_recorded_by_another_box(tmp_path):
    async def run():
        async with Bench(tmp_path) as bench:
            kinds = [await bench.kind(0.05), await bench.kind(0.1)]
            await bench.box.follow(["qc0"], kinds, np.array([0, 1]), RATE_HZ, TONES)
            box = bench.plant.rack.attach("dig0", "digitizer", 0, 2)
            box.acquisition = Acquisition((1, 2), 5e8, 0.0, 10, 2, False)
            bench.plant._triggered["trig0", 1].append("dig0")
            with pytest.raises(DeviceError, match="dig0 records a block whose shots are not alike"):
                await bench.trigger.fire(1, 2, 1e-4)

    asyncio.run(run())


def test_what_can_not_be_followed_is_refused(tmp_path):
    async def run():
        async with Bench(tmp_path) as bench:
            kinds = [await bench.kind(0.05)]
            for box, order, tones, words in (
                ("qc9", [0], {}, "does not speak for qc9"),
                ("qc0", [1], {}, "1 shots of 1 kinds"),
                ("qc0", [], {}, "0 shots of 1 kinds"),
                ("qc0", [0], {"lo9": (5e9, 0.0, True)}, "has no carrier lo9"),
            ):
                done = await bench.box.follow([box], kinds, np.array(order, int), RATE_HZ, tones)
                with pytest.raises(RequestError, match=words):
                    await done
            assert await bench.box.wires() == {"qc0": "trig0:1"}

    asyncio.run(run())
