"""What LabOne Q's simulator plays of a Zurich run, after the vendor's compiler and schema have taken every program."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from heard import Heard, Line, Stretch
from zurich import compiled, play_core, play_readout, schema

from qctl.instruments.zurich.body import ZurichBody
from qctl.instruments.zurich.sequencers import MODELS
from qctl.units import rational_hz

__all__ = ["hear"]

KINDS = {"zurich-hdawg": "HDAWG", "zurich-shfsg": "SHFSG", "zurich-shfqc": "SHFSG"}
BITS = {"zurich-hdawg": 16, "zurich-uhfqa": 14}
HEAD_S = Fraction(80, 10**9)
"""Ahead of time zero of each point (docs/zurich.md)."""
FULL_SCALE = 32_767


def hear(ready: Any, lab: Any, folder: Path) -> Heard:
    """Return what every core and readout channel of every batch plays, and when it integrates."""
    heard = Heard(taken=["Zurich's SeqC compiler"])
    delays = {i.name: i.trigger.delay_s for i in lab.instruments.values() if i.trigger}
    latest_s = max(delays.values(), default=0.0)
    for batch in ready.lowered.batches:
        for program in batch.programs:
            if program.model not in MODELS:  # a PQSC only starts the others
                continue
            body, model = ZurichBody.from_bytes(program.body), MODELS[program.model]
            instrument = lab.instrument(program.instrument)
            rate_hz = rational_hz(instrument.clock_hz)
            late_s = latest_s - delays[program.instrument] if program.instrument in delays else 0.0
            zero = round((HEAD_S + Fraction(repr(float(late_s)))) * rate_hz)
            one = _Box(heard, program, body, model, instrument, lab, rate_hz, zero, batch.first_point)
            one.port_of = {spec.slot: spec.port for spec in ready.compiled[0].timeline.specs}
            for core in body.cores:
                one.core(core)
            for readout in body.readouts:
                one.readout(readout)
    return heard


class _Box:
    def __init__(self, heard: Heard, program: Any, body: Any, model: Any, instrument: Any, lab: Any,
                 rate_hz: Fraction, zero: int, first_point: int) -> None:  # fmt: skip
        self.heard, self.program, self.body, self.model = heard, program, body, model
        self.instrument, self.lab, self.rate_hz = instrument, lab, rate_hz
        self.zero, self.first_point = zero, first_point
        self.bits = BITS.get(program.model, 14)
        self.port_of: dict[str, str] = {}

    def core(self, core: Any) -> None:
        options: dict[str, Any] = {"samplerate": self.instrument.clock_hz} if "hdawg" in self.program.model else {}
        if self.model.player.word:
            options = {"sequencer": self.model.player.word}
        compiled(core.program, self.model.device, **options)
        if not core.ports:  # it raises a marker
            return
        table = json.loads(core.command_table)
        assert not list(schema("hdawg" if "hdawg" in self.program.model else "shfsg").iter_errors(table))
        kind = KINDS[self.program.model]
        played = play_core(core, self.program.blobs, kind, float(self.rate_hz))
        entry_of = {entry["index"]: entry for entry in table["table"]}
        pairs = [(tuple(range(2)), core.ports, True)]
        if not core.modulated:
            pairs = [
                ((channel,), self._ports(core.ports, number), False) for channel, number in enumerate(core.outputs)
            ]
        for channels, ports, carries in pairs:
            found: dict[int, list[Stretch]] = {p: [] for p in range(self.body.n_points)}
            for start, length, index in zip(played.starts, played.lengths, played.entries, strict=True):
                p, at = divmod(start, self.body.period_samples)
                if p >= self.body.n_points:
                    continue
                sound = played.wave(start, length, list(channels)) * FULL_SCALE
                if carries:
                    hz = core.oscillators_hz[entry_of[index].get("oscillatorSelect", {"value": 0})["value"]]
                    turns = hz * (at + np.arange(length)) / float(self.rate_hz)
                    # Oscillators are not simulated, and an SHF's output is shown with the other sign of Q.
                    sound = np.conj(sound) * np.exp(2j * np.pi * turns) if kind == "SHFSG" else (
                        sound * np.exp(-2j * np.pi * turns))  # fmt: skip
                found[p].append(Stretch((at - self.zero) / self.rate_hz, sound))
            if not ports:
                continue
            lsb_v = self.instrument.output[core.outputs[channels[0]]].amplitude_vpp / 2 / FULL_SCALE
            for p, own in found.items():
                self.heard.lines.append(
                    Line(tuple(ports), self.first_point + p, self.rate_hz, lsb_v, self.bits, own, 1 / self.rate_hz,
                         None, 1, carries, "oscillator" if carries else "")
                )  # fmt: skip

    def _ports(self, ports: Any, number: int) -> list[str]:
        name = self.instrument.name
        return [q for q in ports if any(r.instrument == name and r.output == number for r in self.lab.ports[q].outputs)]

    def readout(self, readout: Any) -> None:
        options = {"sequencer": self.model.readout.word} if self.model.readout.word else {}
        compiled(readout.program, self.model.device, **options)
        kind = "SHFQA" if self.model.readout.generates else "UHFQA"
        played = play_readout(readout, self.program.blobs, float(self.rate_hz), kind)
        period = self.body.period_samples
        lsb_v = self.instrument.output[readout.outputs[0]].amplitude_vpp / 2 / FULL_SCALE
        lengths = {w.index: w.n_samples for w in readout.generators}
        plays = [
            (start, max(lengths[k] for k in range(16) if generators >> k & 1))
            for start, generators, _ in played.acquired
            if generators
        ] or list(zip(played.starts, played.lengths, strict=True))
        for p in range(self.body.n_points):
            own, begins = [], []
            for start, n in plays:
                if p * period <= start < (p + 1) * period:
                    own.append(
                        Stretch(Fraction(start - p * period - self.zero) / self.rate_hz,
                                played.wave(start, n, [0, 1]) * FULL_SCALE)
                    )  # fmt: skip
                    begins.append(own[-1].start)

            def anew(hz: Fraction, begin: Fraction, begins: list[Fraction] = begins) -> float:
                return -float(hz * max(b for b in begins if b <= begin) % 1)

            self.heard.lines.append(
                Line(tuple(readout.ports), self.first_point + p, self.rate_hz, lsb_v, self.bits, own,
                     1 / self.rate_hz, None, 1, True, "generators", anew)
            )  # fmt: skip
            for start, _, integrators in played.acquired:
                if p * period <= start < (p + 1) * period and integrators:
                    at = Fraction(start - p * period - self.zero + readout.delay_samples) / self.rate_hz
                    self.windows(readout, p, at)

    def windows(self, readout: Any, point: int, at: Fraction) -> None:
        """Note windows: the integration begins on its grid, and the weights are 0 up to what was asked for."""
        for one in readout.integrators:
            used = np.flatnonzero(self.program.blobs[one.digest] @ np.array([1, 1j]))
            self.heard.windows.append(
                (self.port_of[one.slot], self.first_point + point, at + int(used[0]) / self.rate_hz,
                 Fraction(int(used[-1] - used[0] + 1)) / self.rate_hz, 1 / self.rate_hz)
            )  # fmt: skip
