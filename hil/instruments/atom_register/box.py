"""Emulated device server of an atom array: sequences in, shots of each point, photons of each trap out.

Source: docs/atoms.md, section "The register server", version 1.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import QctlError, RequestError
from qctl.hil.instruments.atom_register.sequence import Sequence, read_sequence
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Exposure, Plant
from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.errors import refusal
from qctl.hil.physics.atom_drives import Move

__all__ = ["AtomRegister"]

_MOST_SHOTS = 100_000
_MOST_RESULTS = 1 << 28


class AtomRegister(Box):
    """One array of atoms with its lasers, tweezers and camera."""

    idn = "QCTL,ATOM REGISTER,{serial},1.0"
    kind = "register"
    own_faults = Box.own_faults | {"full_buffer"}

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        self._sequences: dict[str, Sequence] = {}
        self._points: list[tuple[str, dict[str, Any], tuple[Move, ...]]] = []
        self._n_shots, self._period_s = 1, 0.4
        self._photons: list[NDArray[np.uint16]] = []
        self._state, self._words = "IDLE", ""
        self._task: asyncio.Task[None] | None = None
        super().__init__(config, plant)

    def commands(self) -> None:
        """Add the commands of the page."""
        add = self.table.add
        add("SEQuence:DEFine", lambda s, a: self._define(arg.string(a[0]), bytes(arg.block(a[1]))), 2)
        add("SEQuence:DELete", lambda s, a: self._delete(arg.string(a[0])), 1)
        add("SEQuence:CATalog?", lambda s, a: ",".join(f'"{name}"' for name in self._sequences) or '""')
        add("RUN:LOAD", lambda s, a: self._load(bytes(arg.block(a[0]))), 1)
        add("RUN:STARt", lambda s, a: self._start())
        add("RUN:STOP", lambda s, a: self._stop())
        add("RUN:STATe?", lambda s, a: f'{self._state},{len(self._photons)},"{self._words}"')
        add("RUN:PHOTons?", lambda s, a: self._result())

    def _busy(self) -> None:
        if self._task is not None:
            raise refusal(-221, "a run is under way")

    def _define(self, name: str, text: bytes) -> None:
        self._busy()
        try:
            self._sequences[name] = read_sequence(text)
        except RequestError as error:
            raise refusal(-224, error.message[:200]) from error
        self.counters["sequence_bytes"] = self.counters.get("sequence_bytes", 0) + len(text)
        self.plant.tell_count(sequences=1, sequence_bytes=len(text))

    def _delete(self, name: str) -> None:
        self._busy()
        if name == "all":
            self._sequences.clear()
        elif self._sequences.pop(name, None) is None:
            raise refusal(-256, name[:60])
        self._points = []

    def _load(self, text: bytes) -> None:
        self._busy()
        try:
            found = json.loads(text)
            n_shots, period_s = int(found["shots"]), float(found["period_s"])
            points = [(str(p["sequence"]), dict(p["variables"]), _moves(p.get("moves", ()))) for p in found["points"]]
        except (ValueError, KeyError, TypeError) as error:
            raise refusal(-161, repr(error)[:100]) from error
        if not 1 <= n_shots <= _MOST_SHOTS or not 0 < period_s < 1e3 or not points:
            raise refusal(-222, f"{len(points)} points of {n_shots} shots of {period_s} s")
        for name, _, moves in points:
            if name not in self._sequences:
                raise refusal(-256, f"no sequence {name}"[:60])
            if any(not 0 <= move.atom < len(self._sequences[name].names) or move.end <= move.start for move in moves):
                raise refusal(-222, f"a move of {name}"[:60])
        if n_shots * sum(len(self._sequences[name].names) for name, *_ in points) > _MOST_RESULTS:
            raise refusal(-225)
        self._points, self._n_shots, self._period_s = points, n_shots, period_s
        self._state, self._photons, self._words = "IDLE", [], ""

    def _start(self) -> None:
        self._busy()
        if not self._points:
            raise refusal(-221, "no run is loaded")
        self._state, self._photons, self._words = "RUNNING", [], ""
        self._task = asyncio.get_running_loop().create_task(self._play())

    async def _play(self) -> None:
        try:
            for name, variables, moves in self._points:
                sequence = self._sequences[name]
                n_fired, photons = await self.plant.expose(
                    await asyncio.to_thread(self._exposure, sequence, variables, moves)
                )
                if n_fired < self._n_shots or self._state != "RUNNING":
                    self._state = "STOPPED"
                    return
                self._photons.append(photons)
            self._state = "DONE"
        except QctlError as error:
            self._state, self._words = "FAILED", error.message[:200].replace('"', "'")
        finally:
            self._task = None

    def _exposure(self, sequence: Sequence, variables: dict[str, Any], moves: tuple[Move, ...]) -> Exposure:
        played = sequence.play(variables, max((move.end for move in moves), default=0))
        push_out = sequence.measurement == "digital"
        return Exposure(sequence.positions_m, played.channels, moves, push_out, self._n_shots, self._period_s)

    def _stop(self) -> Any:
        if self._task is None:
            return None
        self._state = "STOPPED"
        return self._wait_for_end(self._task)

    async def _wait_for_end(self, task: asyncio.Task[None]) -> None:
        await self.plant.abort()
        await asyncio.wait([task])

    def _result(self) -> list[bytes]:
        if self._state != "DONE":
            raise refusal(-230, f"the run is {self._state}")
        data = b"".join(np.ascontiguousarray(one, "<u2").tobytes() for one in self._photons)
        digits = str(len(data))
        return [f"#{len(digits)}{digits}".encode(), data]

    def reset(self) -> Any:
        """Do what ``*RST`` does: forget all sequences."""
        done = self._stop()
        self._sequences, self._points = {}, []
        self._state, self._photons, self._words = "IDLE", [], ""
        super().reset()
        return done


def _moves(entries: Any) -> tuple[Move, ...]:
    """Return moves from (atom, start in ns, end in ns, x in um, y in um)."""
    return tuple(Move(int(a), int(b), int(e), float(x) * 1e-6, float(y) * 1e-6) for a, b, e, x, y in entries)
