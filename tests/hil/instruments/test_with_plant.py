"""Emulators as processes before a plant process: samples sent as SCPI flip a transmon, and a scope's block shows it."""

import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import pyvisa
import serial
from generator_boxes import LAB

from qctl.hil.instruments.trigger_packets import Packet, pack, unpack
from qctl.hil.labs.draw import draw_lab
from qctl.instruments.registry import open_device
from qctl.instruments.steps import Channel, Step
from qctl.instruments.tabor.body import TaskBody
from qctl.program.device_program import DeviceProgram

RATE_HZ = 1.2e9
MODELS = {
    "awg0": "tektronix-awg5014c",
    "dig0": "keysight-infiniium-s",
    "lo_drive": "rohde-schwarz-sgs100a",
    "lo_readout": "rohde-schwarz-sgs100a",
    "trig0": "qctl-trigger",
}


class Rack:
    """Plant and emulators, and clients of them."""

    def __init__(self, folder: Path, awg: str = "tektronix-awg5014c") -> None:
        self.file = draw_lab("transmon1", 3)
        path = folder / "lab.json"
        path.write_bytes(msgspec.json.encode(self.file))
        self.plant = str(folder / "plant.sock")
        self._processes: list[Any] = []
        self._start("qctl.hil.plant", str(path), self.plant, str(folder))
        boxes = {name: self._launch(name, model) for name, model in (MODELS | {"awg0": awg}).items()}
        addresses = self.addresses = {name: process.stdout.readline().split()[1] for name, process in boxes.items()}
        visa = pyvisa.ResourceManager("@py")
        ends = {"read_termination": "\n", "write_termination": "\n", "timeout": 10_000}
        self.boxes: dict[str, Any] = {n: visa.open_resource(a, **ends) for n, a in addresses.items() if n != "trig0"}
        self._serial = serial.Serial(addresses["trig0"].removeprefix("ASRL").removesuffix("::INSTR"), timeout=10)
        self._number = 0
        self.request(1, struct.pack("<HH", 1, 1))
        self.request(3, struct.pack("<BBHII", 1, 1, 0, 0, 10))

    def _launch(self, name: str, model: str) -> Any:
        words = ["-m", "qctl.hil.instruments", "--model", model, "--name", name, "--plant", self.plant]
        process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
        self._processes.append(process)
        return process

    def _start(self, module: str, *words: str) -> None:
        process = subprocess.Popen([sys.executable, "-m", module, *words], stdout=subprocess.PIPE, text=True)
        self._processes.append(process)
        assert process.stdout is not None and process.stdout.readline().startswith("ready")

    def close(self) -> None:
        for box in self.boxes.values():
            box.close()
        self._serial.close()
        for process in reversed(self._processes):
            process.terminate()
            process.wait(10)
            process.stdout.close()

    def request(self, kind: int, payload: bytes = b"") -> Packet:
        self._serial.write(pack(Packet(kind, 77, self._number, payload)))
        self._number += 1
        return self.packet()

    def packet(self) -> Packet:
        packet = unpack(self._serial.read_until(b"\0")[:-1])
        assert packet is not None
        return packet

    def fire(self, block: int, n_shots: int) -> None:
        assert self.request(4, struct.pack("<II", 20_000, n_shots)).kind == 0x84
        assert self.request(5, struct.pack("<I", block)).kind == 0x85
        done = self.packet()
        self._serial.write(pack(Packet(0x10, 77, done.number)))
        assert struct.unpack("<IIBBH", done.payload) == (block, n_shots, 0, 0, 0)

    def upload(self, name: str, relative: np.ndarray) -> None:
        words = (8191 + np.round(8191 * relative)).astype(np.uint16)
        self.boxes["awg0"].write(f'WLIS:WAV:NEW "{name}",{len(words)},INT')
        self.boxes["awg0"].write_binary_values(f'WLIS:WAV:DATA "{name}",', words, datatype="H")


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Rack]:
    rack = Rack(tmp_path)
    yield rack
    rack.close()


def half_pulses(rack: Rack, n_pulses: int) -> np.ndarray:
    """Return complex volts over 1 V of `n_pulses` pulses that turn by a quarter each."""
    transmon = rack.file.processor.transmons[0]
    shape = np.sin(np.pi * (np.arange(24) + 0.5) / 24) ** 2
    envelope = np.zeros(2000)
    envelope[: 24 * n_pulses] = np.tile(shape, n_pulses)
    detuning_hz = transmon.frequency_hz - 5.1e9
    amplitude = 0.25 / (transmon.drive_hz_per_v * 12 / RATE_HZ * np.sinc(detuning_hz / RATE_HZ))
    return amplitude * envelope * np.exp(2j * np.pi * detuning_hz * np.arange(2000) / RATE_HZ)


def prepared(rack: Rack) -> tuple[np.ndarray, np.ndarray]:
    """Switch the sources on; return complex volts of the readout, and what turns its records to zero frequency."""
    rack.boxes["lo_drive"].write("FREQ 5.1GHz;:POW 10;:OUTP ON")
    rack.boxes["lo_readout"].write("FREQ 7.07GHz;:POW 10;:OUTP ON")
    assert [rack.boxes[name].query("*OPC?") for name in ("lo_drive", "lo_readout")] == ["1", "1"]
    tone_hz = np.mean(rack.file.processor.transmons[0].resonator.frequency_hz) - 7.07e9
    readout = np.zeros(2000, complex)
    readout[400:1700] = 0.05 * np.exp(2j * np.pi * tone_hz * np.arange(400, 1700) / RATE_HZ)
    return readout, np.exp(-2j * np.pi * tone_hz * (3.3333333e-7 + np.arange(500) / 5e8))


def excited_after(rack: Rack, turn: np.ndarray, select: Callable[[int], None]) -> list[float]:
    """Return how often the transmon is excited after none, one and two pulses."""
    dig = rack.boxes["dig0"]
    dig.write(":ACQ:SRAT 5E8;:ACQ:POIN 500;:TIM:REF LEFT;POS 3.3333333E-7;:CHAN1:RANG 0.8;:CHAN2:RANG 0.8")
    dig.write(":WAV:FORM WORD;BYT LSBF;SEGM:ALL ON;:ACQ:MODE SEGM;:ACQ:SEGM:COUN 2000")
    found = []
    for number in range(3):
        select(number)
        assert dig.query(":SING;:AER?") == "1"
        rack.fire(number + 1, 2000)
        while dig.query(":ADER?") != "1":
            pass
        codes = [
            dig.query_binary_values(f":WAV:SOUR CHAN{k};DATA?", datatype="h", container=np.ndarray).reshape(2000, 500)
            for k in (1, 2)
        ]
        found.append(((codes[0] + 1j * codes[1]) * turn)[:, 100:].mean(axis=1))
    zero, one = np.median(found[0]), np.median(found[2])
    return [float(np.mean(((z - (zero + one) / 2) * (one - zero).conjugate()).real > 0)) for z in found]


def test_samples_sent_as_scpi_flip_the_transmon(rack: Rack) -> None:
    awg = rack.boxes["awg0"]
    readout, turn = prepared(rack)
    rack.upload("ri", readout.real)
    rack.upload("rq", readout.imag)
    awg.write("AWGC:RMOD SEQ;:SEQ:LENG 3;:SOUR1:FREQ 1.2E9")
    for number in range(3):
        drive = half_pulses(rack, number)
        rack.upload(f"i{number}", drive.real)
        rack.upload(f"q{number}", drive.imag)
        step = f"SEQ:ELEM{number + 1}"
        for output, name in enumerate((f"i{number}", f"q{number}", "ri", "rq"), start=1):
            awg.write(f'{step}:WAV{output} "{name}"')
        awg.write(f"{step}:TWA 1;GOTO:STAT 1;IND {number + 1}")
    for output in range(1, 5):
        awg.write(f"SOUR{output}:VOLT 2;:OUTP{output} ON")
    awg.write("AWGC:RUN")
    assert awg.query("AWGC:RST?;:SYST:ERR?") == '1;0,"No error"'

    def select(number: int) -> None:
        assert awg.query(f"SEQ:JUMP:IMM {number + 1};*OPC?") == "1"

    excited = excited_after(rack, turn, select)
    assert excited[0] < 0.05 and excited[2] > 0.93
    assert abs(excited[1] - 0.5) < 0.06


def test_driven_generator_with_tasks_flips_the_transmon(tmp_path: Path) -> None:
    full_v = 0.6
    rack = Rack(tmp_path, "tabor-p2584m")
    try:
        readout, turn = prepared(rack)
        output = {n: msgspec.structs.replace(LAB.instruments["awg0"].output[1], limits_v=(-1, 1)) for n in range(1, 5)}
        instrument = msgspec.structs.replace(
            LAB.instruments["awg0"], model="tabor-p2584m", address=rack.addresses["awg0"], output=output, reference=None
        )
        blobs, points = {}, []
        for number in range(3):
            drive = half_pulses(rack, number)
            waveforms = {}
            for n, volts in enumerate((drive.real, drive.imag, readout.real, readout.imag), start=1):
                words = np.full(2016, 32768, np.uint16)
                words[:2000] = 32768 + np.round(32767 * volts / full_v)
                waveforms[n] = sha256(words.tobytes()).hexdigest()
                blobs[waveforms[n]] = words
            points.append((Step(waveforms),))
        body = TaskBody(RATE_HZ, dict.fromkeys(output, Channel(2 * full_v)), tuple(points))
        device = open_device(instrument, LAB)
        program = DeviceProgram("awg0", "tabor-p2584m", body.to_bytes(), blobs, 3)
        assert device.load(program) == sum(words.nbytes for words in blobs.values())
        assert device.load(program) == 0
        device.start()
        excited = excited_after(rack, turn, device.select)
        device.close()
    finally:
        rack.close()
    assert excited[0] < 0.05 and excited[2] > 0.93
    assert abs(excited[1] - 0.5) < 0.06
