"""The plant through its socket: samples in, records out."""

import asyncio

import numpy as np
import pytest
from runs import runs_of

from qctl.errors import DeviceError, InternalError, RequestError
from qctl.hil.labs.draw import draw_lab
from qctl.hil.plant.block import Physics
from qctl.hil.plant.client import Output, PlantClient
from qctl.hil.plant.clock import LabClock
from qctl.hil.plant.service import Plant, Session

RATE_HZ = 1.2e9


class Bench:
    """One transmon's rack over a real socket."""

    def __init__(self, folder):
        self.file = draw_lab("transmon1", 3)
        self.transmon = self.file.processor.transmons[0]
        self.plant = Plant(Physics(self.file.processor, self.file.cables, 1), LabClock(0.0, 1000.0), str(folder))
        self.path = str(folder / "plant")

    async def __aenter__(self):
        self.server = await asyncio.get_running_loop().create_unix_server(lambda: Session(self.plant), self.path)
        kinds = {"awg0": ("awg", 4, 0), "dig0": ("digitizer", 0, 2), "trig0": ("trigger", 8, 0)}
        kinds |= dict.fromkeys(("lo_drive", "lo_readout"), ("source", 1, 0))
        for name, kind in kinds.items():
            client = PlantClient(self.path, name)
            await client.connect()
            await client.hello(*kind)
            setattr(self, name, client)
        await self.lo_drive.tone(5.1e9, 10.0, True)
        await self.lo_readout.tone(7.07e9, 10.0, True)
        return self

    async def __aexit__(self, *_):
        for name in ("awg0", "dig0", "trig0", "lo_drive", "lo_readout"):
            await getattr(self, name).close()
        self.server.close()

    def volts(self, n_pulses, inverted=False):
        n = 24
        times = np.arange(400) / RATE_HZ
        envelope = np.zeros(400)
        for k in range(n_pulses):
            shape = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2
            envelope[k * n : (k + 1) * n] = shape * (-1 if inverted and k else 1)
        area = 0.5 * n / RATE_HZ
        sinc = np.sinc((self.transmon.frequency_hz - 5.1e9) / RATE_HZ)
        amplitude = 0.25 / (self.transmon.drive_hz_per_v * area * sinc)
        phase = 2 * np.pi * (self.transmon.frequency_hz - 5.1e9) * times
        return amplitude * envelope * np.exp(1j * phase)

    async def measure(self, drive, n_records, averaged, rounds=1):
        readout = np.zeros(2000, complex)
        k = np.arange(400, 1700)
        f = self.transmon.resonator.frequency_hz
        readout[400:1700] = 0.05 * np.exp(2j * np.pi * ((f[0] + f[1]) / 2 - 7.07e9) * k / RATE_HZ)
        element, waveforms = {}, {}
        for number, samples in enumerate((drive.real, drive.imag, readout.real, readout.imag), 1):
            digest = f"{hash(samples.tobytes())}"
            waveforms[digest] = runs_of(samples)
            element[number] = Output(digest, 2.0)
        await self.awg0.waveforms(waveforms)
        self.awg0.tell_outputs(element, RATE_HZ, armed=True)
        await self.awg0.now_s()
        records = []
        for _ in range(rounds):
            found = asyncio.get_running_loop().create_future()
            self.dig0.arm([1, 2], 5e8, 400 / RATE_HZ, 500, n_records, averaged, found.set_result)
            await self.dig0.now_s()
            assert await self.trig0.fire(1, n_records, 2e-4) == n_records
            records.append(await asyncio.wait_for(found, 5.0))
        return np.concatenate(records)

    def demodulate(self, records):
        f = self.transmon.resonator.frequency_hz
        times = 400 / RATE_HZ + np.arange(500) / 5e8
        turn = np.exp(-2j * np.pi * ((f[0] + f[1]) / 2 - 7.07e9) * times)
        return ((records[:, 0] + 1j * records[:, 1]) * turn)[:, 100:].mean(axis=1)


def run(coroutine):
    return asyncio.run(coroutine)


def test_two_half_pulses_flip_the_transmon_and_an_inverted_one_flips_it_back(tmp_path):
    async def scene():
        async with Bench(tmp_path) as bench:
            shots = {}
            for name, drive in {
                "none": bench.volts(0),
                "half": bench.volts(1),
                "flip": bench.volts(2),
                "back": bench.volts(2, inverted=True),
            }.items():
                shots[name] = bench.demodulate(await bench.measure(drive, 2000, False))
            zero, one = np.median(shots["none"]), np.median(shots["flip"])
            middle, axis = (zero + one) / 2, one - zero
            excited = {name: np.mean(((z - middle) * axis.conjugate()).real > 0) for name, z in shots.items()}
            assert excited["none"] < 0.03
            assert excited["flip"] > 0.95
            assert abs(excited["half"] - 0.5) < 0.05
            assert excited["back"] < 0.04

    run(scene())


def test_average_agrees_with_single_shots_and_has_their_spread(tmp_path):
    async def scene():
        async with Bench(tmp_path) as bench:
            drive = bench.volts(1)
            single = bench.demodulate(await bench.measure(drive, 4000, False))
            averages = bench.demodulate(await bench.measure(drive, 50, True, rounds=200))
            assert abs(single.mean() - averages.mean()) < 5 * np.std(single) / np.sqrt(4000)
            assert np.std(averages) == pytest.approx(np.std(single) / np.sqrt(50), rel=0.2)

    run(scene())


def test_fire_with_nothing_armed_is_refused(tmp_path):
    async def scene():
        async with Bench(tmp_path) as bench:
            with pytest.raises(DeviceError, match="nothing is armed"):
                await bench.trig0.fire(1, 10, 1e-4)
            with pytest.raises(RequestError, match="no waveform"):
                bench.awg0.tell_outputs({1: Output("unknown", 1.0)}, RATE_HZ, True)
                await bench.awg0.now_s()
                await bench.awg0.now_s()  # the refusal was on its way while the first was asked

    run(scene())


def test_acquisition_that_is_not_triggered_gives_nothing_and_what_takes_its_place_does(tmp_path):
    async def scene():
        async with Bench(tmp_path) as bench:
            first, second = [], []
            bench.dig0.arm([1], 5e8, 0.0, 100, 10, False, first.append)
            await bench.dig0.now_s()
            assert first == []
            bench.dig0.arm([1], 5e8, 0.0, 100, 10, False, second.append)
            await bench.dig0.now_s()
            assert await bench.trig0.fire(1, 10, 2e-4) == 10
            await bench.dig0.now_s()
            assert (first, second[0].shape) == ([], (10, 1, 100))


def test_acquisition_that_the_plant_refuses_is_an_error(tmp_path):
    async def scene():
        async with Bench(tmp_path) as bench:
            found = []
            bench.dig0.arm([1], 5e8, 0.0, 0, 10, False, found.append)
            await bench.dig0.now_s()
            assert isinstance(found[0], RequestError)

    run(scene())


def test_bug_in_the_plant_is_answered(tmp_path, monkeypatch, caplog):
    async def scene():
        async with Bench(tmp_path) as bench:
            monkeypatch.setattr(Physics, "_draw", lambda *_: 1 // 0)
            with pytest.raises(InternalError, match=r"the plant failed at fire .ZeroDivisionError"):
                await bench.measure(bench.volts(1), 10, True)

    run(scene())
