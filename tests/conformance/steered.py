"""What boxes play for given results of measurements: by the vendor's simulator, or by the emulated sequencer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from qblox import assemble
from qick_judge import assemble as assemble_v2
from qick_v1_judge import assemble_v1
from zurich import compiled, play_core, play_readout, schema

from qctl.cext.tproc_core import READ, WAVE
from qctl.hil.instruments.qblox.assembly import assemble as code_of
from qctl.hil.instruments.qblox.core import ACQUIRES, Core, Settings, run_together
from qctl.hil.instruments.qblox.rendering import Modulation, rendered, words_of
from qctl.hil.instruments.qblox.steering import arrival_ns
from qctl.hil.instruments.qick.processor import execute
from qctl.hil.instruments.qick.processor_v1 import execute_v1
from qctl.instruments.qblox.body import QbloxBody, sequence_of
from qctl.instruments.qick import v1_code
from qctl.instruments.qick.body import QickBody
from qctl.instruments.qick.machine_code import machine_code
from qctl.instruments.zurich.body import ZurichBody
from qctl.instruments.zurich.hub import KNOWN
from qctl.instruments.zurich_pqsc.body import PqscBody
from qctl.units import rational_hz

__all__ = ["Pulse", "steered"]

Result = Callable[[int, int, str, int], int]
"""State of: shot, point, port of readout, and number of the capture on it."""


class Pulse(NamedTuple):
    """A stretch of one height: when it begins, in seconds from the start of its point, and its height in volts."""

    start_s: float
    volts: float


Pulses = dict[tuple[int, int, str], list[Pulse]]
"""By shot, point and port."""


class Point(NamedTuple):
    """What qctl says of a point, in seconds from its time zero.

    Attributes
    ----------
    captures : dict of str to list of (float, bool)
        By port of readout, in order: when its captures start, and whether any play depends on them.
    first_s : float
        Start of the first play of drives and flux.
    """

    captures: dict[str, list[tuple[float, bool]]]
    first_s: float


def steered(ready: Any, points: list[Point], lab: Any, result: Result, folder: Path) -> Pulses:
    """Return what the boxes of a rack play of a run of one batch, after the vendor's compiler has taken it."""
    (batch,) = ready.lowered.batches
    by_kind: dict[str, list[Any]] = {}
    for program in batch.programs:
        by_kind.setdefault(program.model.partition("-")[0], []).append(program)
    (kind,) = by_kind
    return {"qblox": _qblox, "zurich": _zurich, "qick": _qick}[kind](by_kind[kind], points, lab, result, folder)


def _levels(samples: np.ndarray, rate_hz: float, scale: float) -> list[Pulse]:
    """Return the stretches of one height of samples, none of which are rounding."""
    steps = np.abs(samples)
    edges = np.concatenate([[0], np.flatnonzero(np.abs(np.diff(steps)) > 30) + 1, [len(steps)]])
    return [
        Pulse(int(begin) / rate_hz, float(np.median(steps[begin:end])) * scale)
        for begin, end in pairwise(edges)
        if steps[begin] > 30
    ]


def _in_points(pulses: list[Pulse], period_s: float, n_points: int, port: str, found: Pulses) -> None:
    for start_s, volts in pulses:
        number, at_s = divmod(start_s + 1e-12, period_s)
        shot, point = divmod(int(number), n_points)
        found.setdefault((shot, point, port), []).append(Pulse(at_s - 1e-12, volts))


# --- Qblox ------------------------------------------------------------------------------------------


def _qblox(programs: list[Any], points: list[Point], lab: Any, result: Result, folder: Path) -> Pulses:
    made = []
    for program in programs:
        if program.model == "qblox-cluster":
            continue
        body = QbloxBody.from_bytes(program.body)
        for one in body.sequencers:
            assert assemble(one.program, folder) > 0
            version = 2 if program.model == "qblox-qrc" else 1
            inverts = tuple(int(address in one.inverted) for address in range(1, 16))
            made.append((program, body, one, version, Settings(synchronised=True, inverts=inverts)))

    def run(triggers: np.ndarray) -> list[Core]:
        cores = [Core(code_of(one.program, version), settings) for _, _, one, version, settings in made]
        for core in cores:
            core.triggers = triggers
        run_together(cores)
        assert not any(core.flag for core in cores), [core.log for core in cores]
        return cores

    triggers = []
    for (_, body, one, _, _), core in zip(made, run(np.empty((0, 2), np.int64)), strict=True):
        if not one.inputs:
            continue
        rows = core.rows[np.isin(core.rows["operation"], ACQUIRES)]
        order = [
            (shot, p, one.port, k)
            for shot in range(body.n_shots)
            for p, point in enumerate(points)
            for k in range(len(point.captures.get(one.port, ())))
        ]
        for place, row in zip(order, rows, strict=True):
            up = result(*place)
            if one.sends and bool(up) != one.sends_zero:
                triggers.append((arrival_ns(int(row["time"]) + one.integration_ns, core.synced_ns), one.sends))
    found: Pulses = {}
    sent = np.array(sorted(triggers), np.int64).reshape(-1, 2)
    for (program, body, one, _, _), core in zip(made, run(sent), strict=True):
        if one.inputs:
            continue
        sequence = sequence_of(one, program.blobs)
        waves = {int(w["index"]): words_of(np.array(w["data"])) for w in sequence["waveforms"].values()}
        samples, _ = rendered(core.rows, core.synced_ns, core.end_ns, waves, Modulation(one.modulated))
        full_v = lab.instruments[program.instrument].output[one.outputs[0]].amplitude_vpp / 2
        sound = samples[0] + 1j * samples[1] if one.modulated else samples[0]
        _in_points(_levels(sound, 1e9, full_v / 2**15), body.period_ns * 1e-9, body.n_points, one.port, found)
    return found


# --- Zurich -----------------------------------------------------------------------------------------


def _zurich(programs: list[Any], points: list[Point], lab: Any, result: Result, folder: Path) -> Pulses:
    hubs = [PqscBody.from_bytes(one.body) for one in programs if one.model == "zurich-pqsc"]
    bodies = [(one, ZurichBody.from_bytes(one.body)) for one in programs if one.model != "zurich-pqsc"]
    (reader,) = ((one, body) for one, body in bodies if body.readouts)
    answers = _answers(*reader, points, result, bool(hubs))
    found: Pulses = {}
    for one, body in bodies:
        uid = lab.instruments[one.instrument].address.rpartition("/")[2]
        pairs = next((link.pairs for hub in hubs for link in hub.links if link.device == uid), ())
        device, kind, options = _DEVICES.get(one.model, ("", "", {}))
        known = KNOWN[one.model] if hubs and body.cores else _KNOWN_INSIDE

        def word(at: int, known: int = known, pairs: Any = pairs) -> int:
            there = [answer for answer in answers if answer[0] + known <= at]
            if not hubs:
                return sum(bit << 2 * k for k, bit in there[-1][2].items()) if there else 0
            bank = {register: bits for _, register, bits in there}
            sent = [bank.get(register, {}).get(2 * index + j, 0) for register, index in pairs for j in (0, 1)]
            return sum(bit << k for k, bit in enumerate(sent))

        for core in body.cores:
            compiled(core.program, device, **options)
            assert not list(schema(kind.lower()).iter_errors(json.loads(core.command_table)))
            played = play_core(core, one.blobs, kind, 2e9, word)
            for port in core.ports:
                outs = [r.output for r in lab.ports[port].outputs]
                channels = [0, 1] if core.modulated else [outs[0] - 1 - 2 * core.number]
                whole = played.wave(0, body.period_samples * body.n_points * body.n_shots, channels) * 32_767
                full_v = lab.instruments[one.instrument].output[outs[0]].amplitude_vpp / 2
                pulses = _levels(whole, 2e9, full_v / 32_767)
                _in_points(pulses, body.period_samples / 2e9, body.n_points, port, found)
    return found


_DEVICES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "zurich-hdawg": ("HDAWG8", "HDAWG", {"samplerate": 2.0e9}),
    "zurich-shfsg": ("SHFSG8", "SHFSG", {}),
    "zurich-shfqc": ("SHFQC", "SHFSG", {"sequencer": "sg"}),
}
_KNOWN_INSIDE = 200
"""Samples from the end of an integration to its word inside an SHFQC: 100 ns, as the vendor's models of latency say."""


def _answers(
    program: Any, body: Any, points: list[Point], result: Result, kept: bool
) -> list[tuple[int, int, dict[int, int]]]:  # fmt: skip
    """Return when each integration ends, in samples, its register, and the bits of its integrators.

    Integrators that nothing was captured for say anything.
    """
    (reads,) = body.readouts
    events = play_readout(reads, program.blobs, 2e9).acquired
    registers = [int(x) for x in re.findall(r"startQA\([^,]*,[^,]*,0,(\d+),0\)", reads.program)]
    junk, period = np.random.default_rng(5), body.period_samples
    begins = {k.index: int(np.flatnonzero(program.blobs[k.digest].any(axis=1))[0]) for k in reads.integrators}
    found, heard = [], set()
    zero = None
    for number, (start, _, mask) in enumerate(events):
        shot, point = divmod(start // period, body.n_points)
        bits = {k.index: int(junk.integers(2)) for k in reads.integrators}
        for k in reads.integrators:
            at = start % period + reads.delay_samples + begins[k.index]
            for column, (start_s, _) in enumerate(
                points[point].captures.get(k.port, ()) if mask >> k.index & 1 else ()
            ):
                zero = round(at - start_s * 2e9) if zero is None else zero
                if abs(at - zero - start_s * 2e9) < 1:
                    bits[k.index] = result(shot, point, k.port, column)
                    heard.add((shot, point, k.port, column))
        register = registers[number % len(registers)] if kept else 0
        found.append((start + reads.delay_samples + reads.length_samples, register, bits))
    assert len(heard) == body.n_shots * sum(len(columns) for one in points for columns in one.captures.values())
    return found


# --- QICK -------------------------------------------------------------------------------------------


_SUM = 10**6
"""Over any threshold."""


def _qick(programs: list[Any], points: list[Point], lab: Any, result: Result, folder: Path) -> Pulses:
    (program,) = (one for one in programs if one.model.startswith("qick"))
    body = QickBody.from_bytes(program.body)
    soccfg = json.loads(lab.instruments[program.instrument].board)
    timing = soccfg["tprocs"][0]
    timing_hz = rational_hz(timing["f_time"] * 1e6)
    if timing["type"] == "axis_tproc64x32_x8":
        code = assemble_v1(body.program, soccfg)
        assert code == [int(word) for word in v1_code.machine_code(body.program)]
        memory = np.concatenate([[0, 0], program.blobs[body.data], np.zeros(8)]).astype(np.int64)

        def run(inputs: np.ndarray | None) -> Any:
            return execute_v1(np.array(code, np.uint64), memory.copy(), range(1, 8), inputs)
    else:
        made = machine_code(body.program)
        words = np.asarray(assemble_v2(body.program), np.int64)[:, :3] & 0xFFFFFFFF
        assert np.array_equal(words, made[:, :3].astype(np.int64) & 0xFFFFFFFF)
        pace = timing_hz / Fraction(timing["f_core"]).limit_denominator(10_000) / 10**6

        def run(inputs: np.ndarray | None) -> Any:
            return execute(made, program.blobs[body.waves], np.zeros(16, np.int64), pace, timing, inputs)

    port_of = {soccfg["readouts"][one.number]["tproc_ch"]: one.port for one in body.readouts}
    rows = run(None).rows
    reads = rows[rows[:, 1] == READ]
    inputs = np.zeros((len(reads), 2), np.int64)
    deciding = [
        (shot, p, port, k)
        for shot in range(body.n_shots)
        for p, point in enumerate(points)
        for port, columns in point.captures.items()
        for k, (_, decides) in enumerate(columns)
        if decides
    ]
    assert len(reads) == len(deciding)
    for channel, port in port_of.items():
        mine = reads[reads[:, 2] == channel]
        places = [place for place in deciding if place[2] == port]
        for read, place in zip(mine[np.argsort(mine[:, 0], kind="stable")], places, strict=True):
            inputs[read[3]] = (_SUM if result(*place) else -_SUM), 0
    done = run(inputs)
    assert done.n_late == 0 and done.n_shots == body.n_shots
    found: Pulses = {}
    waves = done.rows[done.rows[:, 1] == WAVE]
    gens = {}
    for generator in body.generators:
        ports = [q for q in lab.ports.values() if any(r.output == generator.number + 1 for r in q.outputs)]
        if not ports[0].inputs:
            gens[soccfg["gens"][generator.number]["tproc_ch"]] = (ports[0].name, generator.number)
    mine = [(tick, channel, done.waves[k]) for tick, _, channel, k in waves.tolist() if channel in gens]
    mine = [one for one in mine if one[2][3] != 0]
    zero = mine[0][0] - round(points[0].first_s * timing_hz)
    for channel, (port, number) in gens.items():
        full_v = lab.instruments[program.instrument].output[number + 1].amplitude_vpp / 2
        maxv = soccfg["gens"][number]["maxv"]
        pulses = [
            Pulse(float((tick - zero) / timing_hz), abs(int(wave[3])) / maxv * full_v)
            for tick, of, wave in mine
            if of == channel
        ]
        _in_points(pulses, float(body.period_ticks / timing_hz), body.n_points, port, found)
    return found
