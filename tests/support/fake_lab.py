"""Fake devices and a fake compiler for the server's tests: they do what the Protocols of qctl/device.py ask, in memory.

Programs are JSON: ``{"n_points": 3, "bits": 2, "batches": 1, "spin_s": 0, "fail": "", "samples": 8}``.
"""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any

import msgspec
import numpy as np

from qctl.device import Parameter, Recording
from qctl.errors import CompileError, DeviceError, DeviceTimeoutError, RefusedError, RequestError
from qctl.lab import Instrument, Lab
from qctl.lowering import Batch, Lowered, Part
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.tables import Sweep
from qctl.program.timeline import CaptureSpec
from qctl.server.prepare import Prepared, PrepareRequest, pack_lowered
from qctl.server.waveforms import WaveformFiles

RATE_HZ = 5e8
KINDS = {"trigger": "trigger", "infiniium": "recorder", "awg": "player", "sgs": "source", "qdac": "source"}


class FakeDevice:
    """Settings in a dict, a history of what was called, and faults on request."""

    def __init__(self, instrument: Instrument) -> None:
        self.name = instrument.name
        self.timeout_s = instrument.timeout_s
        self.values: dict[str, Any] = {"frequency_hz": 5e9, "power_dbm": 0.0, "output_on": False}
        self.values |= {f"output{number}_voltage_v": 0.0 for number in instrument.output}
        self.calls: list[str] = []
        self.fault = ("", "")
        self.closed = threading.Event()

    def identify(self) -> str:
        if self.fault[1] == "identify":
            raise DeviceError(f"{self.name}: the connection broke")
        return f"Fake,{self.name},0,1.0"

    def parameters(self) -> list[Parameter]:
        return [Parameter(name, name, "", type(value)) for name, value in self.values.items()]

    def note(self, call: str) -> None:
        self.calls.append(call)
        kind, where = self.fault
        if kind and call.startswith(where):
            self.fault = ("", "")
            if kind == "timeout":
                raise DeviceTimeoutError(f"{self.name} did not answer within {self.timeout_s:g} s")
            if kind == "error":
                raise DeviceError(f"{self.name} is on fire")
            if kind == "refuse":
                raise RefusedError(f"{self.name} refused: no such waveform")
            if kind == "bug":
                raise ValueError("a bug in a driver")
            if kind == "crash":
                os._exit(3)
            if kind == "hang":
                self.closed.wait()

    def get(self, name: str) -> Any:
        self.note(f"get {name}")
        return self.values[name]

    def set(self, name: str, value: Any) -> None:
        self.note(f"set {name}={value}")
        self.values[name] = value

    def safe(self) -> None:
        self.note("safe")
        self.values["output_on"] = False

    def close(self) -> None:
        self.closed.set()

    def break_at(self, kind: str, where: str) -> None:
        self.fault = (kind, where)

    def history(self) -> list[str]:
        return self.calls

    def spin(self, seconds: float) -> int:
        """Hold the interpreter with pure Python."""
        until, n = time.perf_counter() + seconds, 0
        while time.perf_counter() < until:
            n += sum(range(1000))
        return n

    def stop(self) -> None:
        self.note("stop")


class FakePlayer(FakeDevice):
    """Counts the bytes of waveforms that it does not hold yet; goes from point to point by itself if its body says."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument)
        self.held: set[str] = set()

    def load(self, program: DeviceProgram) -> int:
        self.note("load")
        self.event = msgspec.msgpack.decode(program.body).get("event", False)
        new = [digest for digest in program.blobs if digest not in self.held]
        self.held.update(new)
        return sum(program.blobs[digest].nbytes for digest in new)

    def forget(self) -> None:
        self.held.clear()

    def start(self) -> None:
        self.note("start")
        self.values["output_on"] = True

    def select(self, point: int) -> None:
        self.note(f"select {point}")

    def advances(self) -> bool:
        return self.event

    def check_point(self, point: int) -> None:
        self.note(f"check {point}")


class FakeRecorder(FakeDevice):
    """Returns records whose level alternates from shot to shot, and grows with the point."""

    def load(self, program: DeviceProgram) -> int:
        self.note("load")
        self.body = msgspec.msgpack.decode(program.body)
        self.point = self.n_early = 0
        return 0

    def arm(self) -> None:
        self.note("arm")

    def read(self, rearm: bool = False) -> Recording | None:
        self.note("read")
        body = self.body
        if rearm:
            self.note("arm")
            if self.point + 1 == body.get("early_at") and self.n_early < body["n_early"]:
                self.n_early += 1
                return None
        shape = (1 if body["averaged"] else body["n_records"], 2, body["n_samples"])
        codes = np.zeros(shape, np.int16)
        codes[:, 0] = 100 * (self.point + 1)
        codes[::2, 0] *= -1
        self.point += 1
        scale = np.full(2, 1e-3)
        return Recording(codes, scale, np.zeros(2), RATE_HZ, body["n_records"] if body["averaged"] else 1)


class FakeTrigger(FakeDevice):
    """Fires at once, or as slowly as its body says."""

    def load(self, program: DeviceProgram) -> int:
        self.note("load")
        self.block_s = msgspec.msgpack.decode(program.body).get("block_s", 0.0)
        return 0

    def fire(self) -> None:
        self.note("fire")
        self.end_s = time.monotonic() + self.block_s

    def wait(self, timeout_s: float) -> None:
        left_s = self.end_s - time.monotonic()
        if left_s > timeout_s:
            self.closed.wait(timeout_s)
            raise DeviceTimeoutError(f"{self.name} is still firing after {timeout_s:g} s")
        if left_s > 0:
            self.closed.wait(left_s)


def open_device(instrument: Instrument, lab: Lab) -> FakeDevice:
    """Return a fake of the kind that the model's name says."""
    for word, kind in KINDS.items():
        if word in instrument.model:
            fake = {"trigger": FakeTrigger, "recorder": FakeRecorder, "player": FakePlayer, "source": FakeDevice}
            return fake[kind](instrument)
    raise RequestError(f"no fake for {instrument.model}")


def prepare(request: PrepareRequest) -> Prepared:
    """Return what the JSON program asks for, without a compiler."""
    batches, parts, first = [], [], 0
    for kind, content in request.programs:
        if kind != "qasm":
            raise RequestError(f"the fake compiler reads JSON text, not {kind}")
        wish = json.loads(content)
        if wish.get("fail"):
            raise CompileError(wish["fail"])
        if wish.get("spin_s"):
            FakeDevice.spin(None, wish["spin_s"])  # type: ignore[arg-type]
        n_points, n_samples = wish.get("n_points", 1), wish.get("samples", 8)
        averaged = bool(request.averaged)
        axes = (Sweep("amp", np.arange(n_points) * 0.1, "V"),) if n_points > 1 else ()
        captures = tuple(
            CaptureSpec(
                f"q{bit}.readout", f"q{bit}", f"c[{bit}]", bit, "dig0", (1, 2), 0.0, 1e-7, n_samples / RATE_HZ,
                first_point=first, n_points=n_points,
            )
            for bit in range(wish.get("bits", 1))
        )  # fmt: skip
        bits = tuple(f"c[{bit}]" for bit in range(len(captures)))
        parts.append(Part(first, n_points, axes, bits, captures, request.shots))
        n_batches = wish.get("batches", 1)
        for _ in range(n_batches):
            programs = _programs(wish, request.shots // n_batches, n_points, n_samples, averaged)
            batches.append(Batch(programs, first, n_points, request.shots // n_batches, averaged, 1e-6))
        first += n_points
    usage = (("awg0", Usage("waveform samples", 8, 100)),)
    described = tuple({"layout": ["q0"]} for _ in parts)
    lowered = Lowered(tuple(batches), usage, tuple(parts))
    return pack_lowered(lowered, WaveformFiles(request.waveforms), described, {"compile": 0.001})


def _programs(
    wish: dict[str, Any], n_shots: int, n_points: int, n_samples: int, averaged: bool
) -> tuple[DeviceProgram, ...]:
    word = np.full(wish.get("waveform_samples", 16), wish.get("level", 1), np.uint16)
    digest = f"d{wish.get('level', 1)}x{len(word)}"
    digitizer = {"delay_s": 1e-7, "inputs": (1, 2), "n_samples": n_samples, "n_records": n_shots, "averaged": averaged}
    digitizer |= {name: wish[name] for name in ("early_at", "n_early") if name in wish}
    empty = msgspec.msgpack.encode({})
    moving = msgspec.msgpack.encode({"event": wish.get("event", False)})
    return (
        DeviceProgram("awg0", "tektronix-awg5014c", moving, {digest: word}, n_points),
        DeviceProgram("awg1", "tektronix-awg5014c", empty, {digest: word}, 1),
        DeviceProgram("dig0", "keysight-infiniium-s", msgspec.msgpack.encode(digitizer)),
        DeviceProgram("trig0", "qctl-trigger", msgspec.msgpack.encode({"block_s": wish.get("block_s", 0.0)})),
    )
