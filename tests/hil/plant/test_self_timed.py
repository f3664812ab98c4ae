"""Boxes that time themselves at the plant: what their parts play is evolved, what they integrate comes back."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from runs import runs_of

from qctl.errors import DeviceError, RequestError
from qctl.hil.labs.draw import draw_lab
from qctl.hil.labs.truth import half_pulse_v
from qctl.hil.plant.block import Physics
from qctl.hil.plant.client import Integration, Output, PlantClient
from qctl.hil.plant.clock import LabClock
from qctl.hil.plant.service import Plant, Session

RATE_HZ = 1e9
PARTS = {"qcm0": ("awg", 4, 0), "qcm1": ("awg", 4, 0), "qrm0": ("awg", 2, 2)}


class Bench:
    """The rack of the lab qblox2 over a real socket."""

    def __init__(self, folder, rate=1000.0):
        self.file = draw_lab("qblox2", 3)
        self.plant = Plant(Physics(self.file.processor, self.file.cables, 1), LabClock(0.0, rate), str(folder))
        self.path = str(folder / "plant")

    async def __aenter__(self):
        self.server = await asyncio.get_running_loop().create_unix_server(lambda: Session(self.plant), self.path)
        for name, kind in {"cluster0": "cluster", "lo_drive": "source", "lo_readout": "source"}.items():
            client = PlantClient(self.path, name)
            await client.connect()
            await client.hello(kind, 0, 0, PARTS if kind == "cluster" else None)
            setattr(self, name, client)
        await self.lo_drive.tone(5.1e9, 10.0, True)
        await self.lo_readout.tone(7.07e9, 10.0, True)
        return self

    async def __aexit__(self, *_):
        for name in ("cluster0", "lo_drive", "lo_readout"):
            await getattr(self, name).close()
        self.server.close()

    async def measure(self, flipped, n_shots=1000, period_s=2e-4):
        """Return the IQ points of q0 in single shots, with or without a pi pulse before."""
        transmon = self.file.processor.transmons[0]
        times = np.arange(1200) / RATE_HZ
        drive = np.zeros(1200, complex)
        if flipped:
            amplitude = half_pulse_v(transmon, transmon.frequency_hz)
            bell = np.exp(-0.5 * ((times[:20] + 0.5e-9 - 10e-9) / 5e-9) ** 2)
            bell = (bell - bell.min()) / (1 - bell.min())
            for first in (0, 20):
                drive[first : first + 20] = amplitude * bell
            drive *= np.exp(2j * np.pi * (transmon.frequency_hz - 5.1e9) * times)
        tone_hz = float(np.mean(transmon.resonator.frequency_hz[:2])) - 7.07e9
        read = np.where(times >= 60e-9, 0.05, 0) * np.exp(2j * np.pi * tone_hz * times)
        waves = {"i": drive.real / 2.5, "q": drive.imag / 2.5, "ri": read.real / 0.5, "rq": read.imag / 0.5}
        names = {name: f"{name}{flipped}" for name in waves}
        await self.cluster0.waveforms({names[k]: runs_of(v.astype(np.float32)) for k, v in waves.items()})
        outputs = {
            "qcm0": {1: Output(names["i"], 5.0), 2: Output(names["q"], 5.0), 3: Output(None, 5.0, 0.0, False)},
            "qrm0": {1: Output(names["ri"], 1.0), 2: Output(names["rq"], 1.0)},
        }
        turn = np.exp(-2j * np.pi * tone_hz * (160e-9 + np.arange(1000) / RATE_HZ)) / 1000
        weights = np.stack([[turn.real, -turn.imag], [turn.imag, turn.real]])
        one = Integration("qrm0", (1, 2), RATE_HZ, 160e-9, weights)
        n, sums = await self.cluster0.play(outputs, [one], RATE_HZ, n_shots, period_s)
        return n, sums[0] @ np.array([1, 1j])


def test_pi_pulse_flips_what_is_integrated(tmp_path):
    async def run():
        async with Bench(tmp_path) as bench:
            (_, zero), (n, one) = await bench.measure(False), await bench.measure(True)
            assert n == 1000 and zero.shape == one.shape == (1000,)
            axis = np.median(one) - np.median(zero)
            middle = (np.median(one) + np.median(zero)) / 2
            said = [(((found - middle) / axis).real > 0).mean() for found in (zero, one)]
            assert said[0] < 0.03 and said[1] > 0.9
            assert not any(box.armed for box in bench.plant.rack.boxes.values())

    asyncio.run(run())


def test_lab_time_passes_and_abort_ends_a_block(tmp_path):
    async def run():
        async with Bench(tmp_path, rate=1.0) as bench:
            task = asyncio.ensure_future(bench.measure(False, n_shots=100, period_s=0.1))
            while not bench.plant.firing or bench.plant.n_fired() < 1:
                await asyncio.sleep(0.01)
            with pytest.raises(DeviceError, match="another block"):
                await bench.cluster0.play({}, [], RATE_HZ, 1, 1e-3)
            await bench.cluster0.abort()
            n, found = await task
            assert 1 <= n < 50 and len(found) == n
            assert not bench.plant.firing

    asyncio.run(run())


def test_what_is_not_there_is_refused(tmp_path):
    async def run():
        async with Bench(tmp_path) as bench:
            play = bench.cluster0.play
            for outputs, integrations, n, words in (
                ({"qcm9": {}}, [], 1, "no box qcm9"),
                ({"qcm0": {1: Output("nowhere", 5.0)}}, [], 1, "no waveform nowhere"),
                ({}, [Integration("qrm0", (1,), RATE_HZ, 0.0, np.ones((1, 2, 3)))], 1, "shape"),
                ({}, [], 0, "above 0"),
            ):
                with pytest.raises(RequestError, match=words):
                    await play(outputs, integrations, RATE_HZ, n, 1e-3)
            await bench.cluster0.close()
            while bench.plant.rack.boxes.keys() & PARTS.keys():
                await asyncio.sleep(0.01)

    asyncio.run(run())
