"""What the tProcessor of a QICK board does with a run's assembly, and what its generators make of the waves.

The assembly runs in `qick_judge`; what a generator does with a wave is written down here from qick's own documentation:
an envelope (or a constant of the greatest value) times gain, on a carrier of 32 bits of phase.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from heard import Heard, Line, Stretch
from qick_judge import Played, assemble
from qick_v1_judge import PlayedV1, assemble_v1

from qctl.instruments.qick.body import QickBody
from qctl.instruments.qick.lower import LEAD_TICKS
from qctl.instruments.qick.v1_code import machine_code
from qctl.units import rational_hz

__all__ = ["hear"]

CONSTANT_BIT, RESET_BIT = 0b00001, 0b10000


def hear(ready: Any, lab: Any, folder: Path) -> Heard:
    """Return what all generators play, and when readouts are triggered."""
    heard = Heard(taken=["QICK's assembler"])
    for batch in ready.lowered.batches:
        for program in batch.programs:
            body = QickBody.from_bytes(program.body)
            instrument = lab.instruments[program.instrument]
            soccfg = json.loads(instrument.board)
            timing_hz = rational_hz(soccfg["tprocs"][0]["f_time"] * 1e6)
            played, waves = _run(body, program.blobs, soccfg, float(timing_hz))
            assert played.late <= 0 and played.n_shots == body.n_shots
            heard.reported_s = max(heard.reported_s, body.start_error_s)
            for generator in body.generators:
                _generator(heard, generator, played, waves, program, body, soccfg, timing_hz, lab, batch.first_point)
            for readout in body.readouts:
                _readout(heard, readout, played, body, soccfg, timing_hz, batch.first_point)
    return heard


def _run(body: Any, blobs: Any, soccfg: Any, timing_hz: float) -> tuple[Any, np.ndarray]:
    """Return what a program does, and the waves that it names."""
    if soccfg["tprocs"][0]["type"] == "axis_tproc64x32_x8":
        code = assemble_v1(body.program, soccfg)
        assert code == [int(word) for word in machine_code(body.program)]
        done = PlayedV1(code, blobs[body.data])
        return done, done.rows
    assemble(body.program)
    return Played(body.program, timing_hz / (soccfg["tprocs"][0]["f_core"] * 1e6)), blobs[body.waves]


def _generator(
    heard: Heard, generator: Any, played: Any, waves: np.ndarray, program: Any, body: Any, soccfg: Any,
    timing_hz: Fraction, lab: Any, first_point: int,
) -> None:  # fmt: skip
    gen = soccfg["gens"][generator.number]
    rate_hz, per_cycle = rational_hz(gen["f_fabric"] * 1e6) * gen["samps_per_clk"], gen["samps_per_clk"]
    output = lab.instruments[program.instrument].output[generator.number + 1]
    (port,) = [p for p in lab.ports.values() if any(r.output == generator.number + 1 for r in p.outputs)]
    memory = program.blobs[generator.envelopes] if generator.envelopes else np.zeros((0, 2), np.int16)
    envelope = memory[:, 0] + 1j * memory[:, 1]
    reset = 0
    found: dict[int, list[Stretch]] = {p: [] for p in range(body.n_points)}
    begun: dict[int, list[Fraction]] = {p: [] for p in range(body.n_points)}
    made_hz = 0
    for tick, number, entry in sorted(played.waves):
        if number != gen["tproc_ch"]:
            continue
        freq, phase, address, gain, length, conf = (int(x) for x in waves[entry])
        if conf & RESET_BIT:
            reset = tick
            continue
        point, at = divmod(tick - played.first, body.period_ticks)
        if point >= body.n_points:
            continue
        n = length * per_cycle
        shape = np.full(n, gen["maxv"], complex)
        if not conf & CONSTANT_BIT:
            shape = envelope[address * per_cycle : address * per_cycle + n]
        steps = freq if freq < 2**31 else freq - 2**32
        first = Fraction(steps, 2**32) * Fraction(tick - reset) * rate_hz / timing_hz + Fraction(phase, 2**32)
        turns = float(first % 1) + steps / 2**32 * np.arange(n)
        start = Fraction(at - LEAD_TICKS) / timing_hz
        found[point].append(Stretch(start, shape * gain / gen["maxv"] * np.exp(2j * np.pi * turns)))
        begun[point].append(start)
        made_hz = Fraction(steps, 2**32) * rate_hz
    carries = bool(lab.carrier_hz(port)) or port.role != "flux"
    for p in range(body.n_points):
        zero = Fraction(played.first + p * body.period_ticks + LEAD_TICKS - reset) / timing_hz

        def running(hz: Fraction, begin: Fraction, zero: Fraction = zero) -> float:
            return float(made_hz * zero % 1)

        heard.lines.append(
            Line((port.name,), first_point + p, rate_hz, output.amplitude_vpp / 2 / gen["maxv"], 14, found[p],
                 1 / timing_hz, begun[p], per_cycle, carries, "carrier",
                 running if port.inputs else None)
        )  # fmt: skip


def _readout(
    heard: Heard, readout: Any, played: Any, body: Any, soccfg: Any, timing_hz: Fraction, first_point: int
) -> None:
    one = soccfg["readouts"][readout.number]
    bit, before = 1 << one["trigger_bit"], False
    length = Fraction(readout.length) / rational_hz(one["f_output"] * 1e6)
    for tick, port, word in sorted(played.words):
        if port != one["trigger_port"]:
            continue
        up = bool(word & bit)
        point, at = divmod(tick - played.first, body.period_ticks)
        if up and not before and point < body.n_points:
            start = Fraction(at - LEAD_TICKS) / timing_hz
            heard.windows.append((readout.port, first_point + point, start, length, 1 / timing_hz))
        before = up
