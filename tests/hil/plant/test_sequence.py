"""Sequences at the plant: steps in loops are one long waveform to the physics, and events lead from point to point."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from runs import runs_of

from qctl.errors import RequestError
from qctl.hil.labs.draw import draw_lab
from qctl.hil.plant.block import Physics
from qctl.hil.plant.client import Output, PlantClient
from qctl.hil.plant.clock import LabClock
from qctl.hil.plant.messages import encode
from qctl.hil.plant.rack import Rack
from qctl.hil.plant.service import Plant, Session

RATE_HZ = 1.2e9
KINDS = {"awg0": ("awg", 4, 0), "dig0": ("digitizer", 0, 2), "trig0": ("trigger", 8, 0)}
KINDS |= {"lo_drive": ("source", 1, 0), "lo_readout": ("source", 1, 0)}
LEVELS = dict.fromkeys(range(1, 5), (2.0, 0.0, True))
Scene = Callable[[Plant, dict[str, PlantClient]], Coroutine[Any, Any, Any]]


def play(folder: Path, scene: Scene, events: dict[str, str] | None = None) -> Any:
    """Run a scene with all boxes of transmon1 on a plant's socket."""

    async def run() -> Any:
        file = draw_lab("transmon1", 3)
        cables = file.cables if events is None else replace(file.cables, events=events)
        plant = Plant(Physics(file.processor, cables, 1), LabClock(0.0, 1000.0), str(folder))
        path = str(folder / f"plant{len(list(folder.iterdir()))}")
        server = await asyncio.get_running_loop().create_unix_server(lambda: Session(plant), path)
        boxes = {name: PlantClient(path, name) for name in KINDS}
        try:
            for name, box in boxes.items():
                await box.connect()
                await box.hello(*KINDS[name])
            await boxes["lo_drive"].tone(5.1e9, 10.0, True)
            await boxes["lo_readout"].tone(7.07e9, 10.0, True)
            return await scene(plant, boxes)
        finally:
            for box in boxes.values():
                await box.close()
            server.close()

    return asyncio.run(run())


def pieces() -> dict[str, NDArray[np.float32]]:
    """Return waveforms of 250 samples by name: pulses that touch the edges, silence, a readout tone."""
    random = np.random.default_rng(5)
    found = {name: np.zeros(250, np.float32) for name in ("quiet", "head", "tail", "middle", "tone")}
    found["head"][240:] = random.uniform(-0.2, 0.2, 10)
    found["tail"][:30] = random.uniform(-0.2, 0.2, 30)
    found["middle"][100:140] = random.uniform(-0.2, 0.2, 40)
    found["tone"][:] = 0.05 * np.cos(2 * np.pi * 0.02 * np.arange(250))
    return found


STEPS = (
    ({1: "head", 2: "middle"}, 1),
    ({1: "tail", 2: "quiet"}, 3),
    ({1: "quiet", 2: "quiet"}, 20),
    ({1: "middle"}, 2),
    ({3: "tone", 4: "tone"}, 6),
)


def one_long(steps: tuple[tuple[dict[int, str], int], ...]) -> dict[int, NDArray[np.float32]]:
    """Return what the steps are as one waveform an output."""
    known = pieces()
    return {
        n: np.concatenate([np.tile(known[names.get(n, "quiet")], n_times) for names, n_times in steps])
        for n in range(1, 5)
    }


async def record(boxes: dict[str, PlantClient], once: tuple[int, ...] = ()) -> NDArray[np.float32]:
    found: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    boxes["dig0"].arm([1, 2], 5e8, 6500 / RATE_HZ, 500, 200, False, found.set_result)
    await boxes["dig0"].now_s()
    assert await boxes["trig0"].fire(1, 200, 2e-4, once) == 200
    volts: NDArray[np.float32] = await asyncio.wait_for(found, 5.0)
    return volts


async def as_sequence(boxes: dict[str, PlantClient]) -> None:
    await boxes["awg0"].waveforms({name: runs_of(samples) for name, samples in pieces().items()})
    await boxes["awg0"].sequence({1: (STEPS, 0)}, LEVELS, RATE_HZ, 1)


async def as_waveforms(boxes: dict[str, PlantClient]) -> None:
    long = one_long(STEPS)
    await boxes["awg0"].waveforms({f"long{number}": runs_of(samples) for number, samples in long.items()})
    boxes["awg0"].tell_outputs({number: Output(f"long{number}", 2.0) for number in long}, RATE_HZ, True)
    await boxes["awg0"].now_s()


@pytest.mark.parametrize("offset_v", [0.0, 0.03])
def test_steps_in_loops_give_the_lines_and_the_records_of_one_long_waveform(tmp_path: Path, offset_v: float) -> None:
    def scene_of(prepare: Any) -> Scene:
        async def scene(plant: Plant, boxes: dict[str, PlantClient]) -> Any:
            await prepare(boxes)
            physics = plant.physics
            box = plant.rack.boxes["awg0"]
            box.playing = {n: playing._replace(offset_v=offset_v) for n, playing in box.playing.items()}
            lines = physics.wiring.gather(plant.rack, physics.wiring.look(plant.rack, 0.0))
            return lines, await record(boxes)

        return scene

    (lines, volts), (long_lines, long_volts) = (play(tmp_path, scene_of(p)) for p in (as_sequence, as_waveforms))
    for got, wanted in ((lines.drive[0], long_lines.drive[0]), (lines.readout, long_lines.readout)):
        assert len(wanted) >= 1
        assert [run.start for run in got] == [run.start for run in wanted]
        for run, same in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(run.volts, same.volts)
    np.testing.assert_array_equal(volts, long_volts)


def test_long_silence_takes_no_memory() -> None:
    rack = Rack()
    rack.add_runs("quiet", *runs_of(np.zeros(250)))
    rack.add_runs("pulse", *runs_of(np.ones(250)))
    outputs = rack.outputs_of("box", [({1: "pulse"}, 1), ({1: "quiet"}, 65536), ({1: "pulse"}, 1)])
    made = rack.played(outputs[1])
    assert made.n_samples == 65538 * 250
    assert [(start, samples.size) for start, samples in made.runs] == [(0, 250), (65537 * 250, 250)]
    with pytest.raises(RequestError, match="16384000000 samples at one trigger"):
        rack.outputs_of("box", [({1: "pulse"}, 65536)] * 1000)


def sweep(boxes: dict[str, PlantClient], n_points: int = 3) -> Coroutine[Any, Any, None]:
    """Make awg0 play a sequence whose points events lead through, and back to the first."""

    async def work() -> None:
        await boxes["awg0"].waveforms({f"point{k}": runs_of(np.full(250, 0.1 * k)) for k in range(n_points)})
        points = {k + 1: ((({1: f"point{k}"}, 1),), (k + 1) % n_points + 1) for k in range(n_points)}
        await boxes["awg0"].sequence(points, LEVELS, RATE_HZ, 1)

    return work()


def test_event_after_each_block_leads_through_the_points_and_back(tmp_path: Path) -> None:
    async def scene(plant: Plant, boxes: dict[str, PlantClient]) -> Any:
        await sweep(boxes)
        found = []
        for _ in range(4):
            await record(boxes, (2,))
            found.append((await boxes["awg0"].position(), plant.rack.boxes["awg0"].playing[1].steps[0][0]))
        boxes["awg0"].tell_position(3)
        boxes["awg0"].tell_event()
        return [*found, await boxes["awg0"].position()]

    assert play(tmp_path, scene) == [(2, "point1"), (3, "point2"), (1, "point0"), (2, "point1"), 1]


@pytest.mark.parametrize(
    ("events", "fault", "position"),
    [({"awg0": "trig0:3"}, "", 1), ({}, "", 1), ({"awg0": "trig0:1"}, "", 1 + 200 % 3), (None, "lost_event", 1)],
    ids=["other line", "no cable", "shots' line", "fault"],
)
def test_event_that_does_not_come_leaves_the_box_where_it_is(
    tmp_path: Path, events: dict[str, str] | None, fault: str, position: int
) -> None:
    async def scene(plant: Plant, boxes: dict[str, PlantClient]) -> int:
        await sweep(boxes)
        if fault:
            await boxes["trig0"].ask("set_fault", name=fault, on="awg0")
        await record(boxes, (2,))
        return await boxes["awg0"].position()

    assert play(tmp_path, scene, events) == position


def test_block_that_is_stopped_sends_no_event(tmp_path: Path) -> None:
    async def scene(plant: Plant, boxes: dict[str, PlantClient]) -> tuple[bool, int]:
        await sweep(boxes)
        boxes["dig0"].arm([1], 5e8, 0.0, 100, 100_000, True, lambda found: None)
        await boxes["dig0"].now_s()
        firing = asyncio.create_task(boxes["trig0"].fire(1, 100_000, 1.0, (2,)))
        while not plant.firing:
            await asyncio.sleep(0)
        await boxes["dig0"].now_s()
        await boxes["trig0"].abort()
        return await firing < 100_000, await boxes["awg0"].position()

    assert play(tmp_path, scene) == (True, 1)


def test_what_was_said_before_the_trigger_is_heard_before_it(tmp_path: Path) -> None:
    async def scene(plant: Plant, boxes: dict[str, PlantClient]) -> tuple[int, int]:
        await sweep(boxes)
        await record(boxes, (2,))
        session = plant.sessions["trig0"]
        found: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        # All are in the plant's sockets when it reads the trigger's first, as after a while without the processor.
        boxes["awg0"].tell_position(1)
        boxes["dig0"].arm([1, 2], 5e8, 6500 / RATE_HZ, 500, 200, False, found.set_result)
        message = {"id": 10**6, "verb": "fire", "line": 1, "n_shots": 200, "period_s": 2e-4, "once": [2]}
        session.data_received(encode(message))
        return len(await asyncio.wait_for(found, 5.0)), await boxes["awg0"].position()

    assert play(tmp_path, scene) == (200, 2)


def test_next_point_is_worked_out_before_the_digitizer_is_armed_again(tmp_path: Path) -> None:
    async def scene(plant: Plant, boxes: dict[str, PlantClient]) -> list[int]:
        ran: list[int] = []
        run = plant.physics.evolution.run
        plant.physics.evolution.run = lambda *a, **k: ran.append(1) or run(*a, **k)  # type: ignore[method-assign]
        await sweep(boxes)
        await record(boxes, (2,))
        while len(ran) < 2:
            await asyncio.sleep(0.001)
        n_before = len(ran)
        await record(boxes, (2,))
        return [n_before]

    assert play(tmp_path, scene) == [2]


def test_records_are_the_same_whatever_was_worked_out_ahead(tmp_path: Path) -> None:
    def scene_of(ahead: bool) -> Scene:
        async def scene(plant: Plant, boxes: dict[str, PlantClient]) -> list[Any]:
            look = plant.physics.look_ahead
            n_drawn = [0]

            def counted(*arguments: Any) -> None:
                n_drawn[0] += 1
                look(*arguments)

            plant.physics.look_ahead = counted if ahead else lambda *_: None  # type: ignore[method-assign]
            await sweep(boxes)
            found = []
            for k in range(4):
                if k == 2:
                    boxes["awg0"].tell_position(1)
                found.append(await record(boxes, (2,)))
                while ahead and k < 2 and n_drawn[0] <= k:
                    await asyncio.sleep(0.001)
            return found

        return scene

    for one, other in zip(*(play(tmp_path, scene_of(ahead)) for ahead in (True, False)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("points", "position", "words"),
    [
        ({1: ((({1: "nothing"}, 1),), 0)}, 1, "a step with waveforms of"),
        ({1: ((({1: "a", 2: "b"}, 1),), 0)}, 1, "waveforms of .250, 300. samples"),
        ({1: ((({1: "a"}, 0),), 0)}, 1, "played 0 times"),
        ({1: ((({1: "a"}, 1),), 2)}, 1, "element 2 does not wait"),
        ({1: ((({1: "a"}, 1),), 0)}, 2, "element 2 does not wait"),
    ],
)
def test_sequence_that_can_not_be_played_is_refused(tmp_path: Path, points: Any, position: int, words: str) -> None:
    async def scene(plant: Plant, boxes: dict[str, PlantClient]) -> None:
        await boxes["awg0"].waveforms({"a": runs_of(np.ones(250)), "b": runs_of(np.ones(300))})
        with pytest.raises(RequestError, match=words):
            await boxes["awg0"].sequence(points, LEVELS, RATE_HZ, position)
        with pytest.raises(RequestError, match="plays no sequence"):
            await boxes["awg0"].position()

    play(tmp_path, scene)
