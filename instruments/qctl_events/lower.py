"""Lower straights on beams, TTL lines and counters to the event tables of qctl's event controller."""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError, TimingError
from qctl.instruments.checker import check_number, usage
from qctl.instruments.ions.events import Gate, Spans, spans_of
from qctl.instruments.qctl_events import capabilities as can
from qctl.instruments.qctl_events.body import EventsBody, Photons
from qctl.instruments.qctl_events.capabilities import GATE, LEVEL, TONE
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram
from qctl.program.straights import joined
from qctl.program.timeline import Shots, Straight
from qctl.units import rational_s

__all__ = ["event_rows", "lower", "photons_of"]

_STEP_NS = 200
"""How often an envelope's amplitude is set."""
_ROW = np.dtype([("point", "<u4"), ("tick", "<i8"), ("where", "<u4"), ("on", "u1"), ("word", "<u8"), ("value", "<u8")])


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one controller; each point is a sequence of events.

    Raises
    ------
    CompileError
        If something is outside what the controller can; the message names the play, the limit and the remedy.
    """
    name = instrument.name
    if instrument.clock_hz != can.TICK_HZ:
        raise CompileError(
            f"{name}: clock_hz = {instrument.clock_hz} in lab.toml; an event controller's ticks are those of 1e9 Hz"
        )
    flat = joined(straights)
    table = can.TABLES[can.MODEL]
    spans = spans_of(flat, instrument, lab, shots, table, _STEP_NS)
    rows = event_rows(spans)
    _check_gaps(rows, spans, name)
    bounds = np.searchsorted(rows["point"], np.arange(len(flat) + 1)).tolist()
    words = np.stack([rows["tick"].astype(np.uint64) | rows["word"], rows["value"]], axis=1).ravel()
    digest = blake2b(words.tobytes(), digest_size=16).hexdigest()
    period_ns = math.ceil(rational_s(shots.period_s) * 10**9)
    check_number(table, "settings.period_ns", period_ns, name)
    body = EventsBody(
        shots.n_shots, shots.averaged, period_ns, tuple(bounds), digest, len(spans.gates), photons_of(spans.gates)
    )
    n_counts = len(spans.gates) * shots.n_shots
    report = (
        usage(table, "instructions.count", len(rows), name="events"),
        usage(table, "sequence", len(flat), name="sequences"),
        usage(table, "scope.records", n_counts, name="counts"),
    )
    return DeviceProgram(name, instrument.model, body.to_bytes(), {digest: words}, len(flat), report)


def event_rows(spans: Spans) -> NDArray[Any]:
    """Return what is set when: ROWs by point, then tick (of 1 ns), then kind and number of the channel."""
    rows = np.concatenate([_tone_rows(spans), _line_rows(spans), _gate_rows(spans)])
    return rows[np.lexsort((rows["where"], rows["tick"], rows["point"]))]


def _rows(point: Any, tick: Any, channel: Any, tone: Any, operation: int, on: int, value: Any) -> NDArray[Any]:
    made = np.zeros(len(point), _ROW)
    channel, tone = np.asarray(channel, np.uint64), np.asarray(tone, np.uint64)
    made["point"], made["tick"], made["on"], made["value"] = point, tick, on, value
    made["word"] = channel << np.uint64(32) | tone << np.uint64(40) | np.uint64(operation << 48)
    made["where"] = made["word"] >> np.uint64(32)
    return made


def _tone_rows(spans: Spans) -> NDArray[Any]:
    """Return what sets a tone at the start of each stretch, and what ends it where no other follows at once."""
    tones = spans.tones
    words = tones["ftw"].astype(np.uint64) | tones["pow"].astype(np.uint64) << np.uint64(32)
    words |= tones["asf"].astype(np.uint64) << np.uint64(48)
    on = _rows(tones["point"], tones["start"], tones["output"], tones["tone"], TONE, 1, words)
    off = _rows(tones["point"], tones["end"], tones["output"], tones["tone"], TONE, 0, 0)
    return _without_followed(on, off)


def _line_rows(spans: Spans) -> NDArray[Any]:
    lines = spans.lines
    on = _rows(lines["point"], lines["start"], lines["output"], 0, LEVEL, 1, 1)
    off = _rows(lines["point"], lines["end"], lines["output"], 0, LEVEL, 0, 0)
    return _without_followed(on, off)


def _gate_rows(spans: Spans) -> NDArray[Any]:
    gates = np.array([(g.point, g.start, g.end, g.counter) for g in spans.gates], np.int64).reshape(-1, 4)
    on = _rows(gates[:, 0], gates[:, 1], gates[:, 3], 0, GATE, 1, 1)
    off = _rows(gates[:, 0], gates[:, 2], gates[:, 3], 0, GATE, 0, 0)
    return np.concatenate([on, off])


def _without_followed(on: NDArray[Any], off: NDArray[Any]) -> NDArray[Any]:
    """Return both, but no end where the same channel is set again at the same tick."""
    keys = [np.stack([one["point"], one["where"], one["tick"]], axis=1).astype(np.int64) for one in (on, off)]
    begun = {tuple(key) for key in keys[0].tolist()}
    kept = np.array([tuple(key) not in begun for key in keys[1].tolist()], bool)
    return np.concatenate([on, off[kept]])


def _check_gaps(rows: NDArray[Any], spans: Spans, name: str) -> None:
    """Refuse events of one channel that are closer than the controller takes them."""
    shortest = can.TABLES[can.MODEL].restrictions["gap"].range
    assert shortest is not None
    order = np.lexsort((rows["tick"], rows["where"], rows["point"]))
    ordered = rows[order]
    same = (ordered["point"][1:] == ordered["point"][:-1]) & (ordered["where"][1:] == ordered["where"][:-1])
    apart = np.diff(ordered["tick"])
    close = np.flatnonzero(same & (apart < shortest.least))
    if len(close):
        k = int(close[0])
        row = ordered[k + 1]
        kind = {LEVEL: "TTL line", TONE: "output", GATE: "counter"}[int(row["word"]) >> 48]
        raise TimingError(
            f"{kind} {int(row['where']) & 255} of {name} is set at {int(ordered[k]['tick'])} ns and again "
            f"{int(apart[k])} ns later (point {int(row['point'])}); events of one channel are {shortest.least} ns "
            f"apart at least: join the pulses, or leave more between them"
        )


def photons_of(gates: Sequence[Gate]) -> tuple[Photons, ...]:
    """Return which counts of a shot are whose: a result's columns are in order of points, then starts."""
    found: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    for column, gate in enumerate(gates):
        found.setdefault((gate.port, gate.slot), []).append((gate.point, gate.start, column))
    return tuple(Photons(*key, tuple(column for *_, column in sorted(rows))) for key, rows in found.items())
