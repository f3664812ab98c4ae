"""What the words of SCPI generators are in volts: their number formats and tables of steps are read here anew."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from heard import Heard, Line, stretches

from qctl.instruments.steps import StepsBody
from qctl.units import rational_hz

__all__ = ["BITS", "hear"]

Words = np.ndarray
BITS = {
    "tektronix-awg5014c": 14, "tektronix-awg5200": 16, "tektronix-awg70000a": 10, "keysight-33500b": 16,
    "keysight-33600a": 16, "keysight-m8190a": 14, "keysight-m8190a-12bit": 12, "tabor-p2584m": 16,
}  # fmt: skip
"""Of each converter, from vendors' papers."""


def _above_zero(words: Words, bits: int) -> Words:
    return words.astype(np.int64) - 2 ** (bits - 1)


def _tektronix(words: Words, bits: int) -> Words:
    """-1 is code 0, +1 the last code but one (AWG5000 programmer manual, waveform data in integers)."""
    return words.astype(np.int64) - (2 ** (bits - 1) - 1)


def _upper_bits(words: Words, bits: int) -> Words:
    return words.astype(np.int64) >> (16 - bits)


def _parts(words: Words, bits: int) -> Words:
    return words.astype(np.float64) * (2 ** (bits - 1) - 1)


_FORMS: dict[str, Callable[[Words, int], Words]] = {
    "tektronix-awg5014c": _tektronix, "tabor-p2584m": _above_zero, "tektronix-awg5200": _parts,
    "tektronix-awg70000a": _parts, "keysight-33500b": _upper_bits, "keysight-33600a": _upper_bits,
    "keysight-m8190a": _upper_bits, "keysight-m8190a-12bit": _upper_bits,
}  # fmt: skip


def hear(ready: Any, lab: Any, folder: Path) -> Heard:
    """Return what each output, or pair of them, plays at each point, all steps unrolled."""
    heard = Heard()
    for batch in ready.lowered.batches:
        for program in batch.programs:
            if program.model in BITS:
                _box(heard, program, lab, batch)
    return heard


def _box(heard: Heard, program: Any, lab: Any, batch: Any) -> None:
    fields = msgspec.msgpack.decode(program.body, strict=False)
    body = msgspec.convert({k: fields[k] for k in ("clock_hz", "channels", "points")}, StepsBody, strict=False)
    bits, rate_hz = BITS[program.model], rational_hz(body.clock_hz)
    feeds: dict[tuple[int, ...], list[str]] = {}
    for port in lab.ports.values():
        if port.outputs and port.outputs[0].instrument == program.instrument:
            feeds.setdefault(tuple(ref.output for ref in port.outputs), []).append(port.name)
    for outputs, ports in feeds.items():
        if not set(outputs) <= set(body.channels):
            continue
        lsb_v = body.channels[outputs[0]].amplitude_vpp / 2 / (2 ** (bits - 1) - 1)
        for p in range(batch.n_points):
            first, found = Fraction(0), []
            for step in body.points[p % len(body.points)]:
                parts = [_FORMS[program.model](program.blobs[step.waveforms[n]], bits) for n in outputs]
                sound = parts[0] + (1j * parts[1] if len(parts) == 2 else 0)
                assert step.n_loops == 1 or not sound.any(), "a waveform that is not silent is looped"
                found += list(stretches(sound, first, rate_hz))
                first += len(sound) * step.n_loops / rate_hz
            heard.lines.append(
                Line(tuple(ports), batch.first_point + p, rate_hz, lsb_v, bits, found, 1 / rate_hz, None, 1,
                     len(outputs) == 2)
            )  # fmt: skip
