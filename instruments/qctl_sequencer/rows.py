"""Rows of what a sequencer sets when, from stretches of tones and levels and gates of counters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.ions.events import Gate, Spans
from qctl.instruments.qctl_sequencer.body import Photons

__all__ = ["GATE", "LEVEL", "ROW", "TONE", "event_rows", "photons_of"]

LEVEL, TONE, GATE = 1, 2, 3
"""What a row is of: a TTL line's level, a synthesiser's words, a counter's gate."""
ROW = np.dtype(
    [
        ("point", "<u4"),
        ("ns", "<i8"),
        ("kind", "u1"),
        ("number", "<u2"),
        ("on", "u1"),
        ("ftw", "<u4"),
        ("pow", "<u2"),
        ("asf", "<u2"),
    ]
)
"""One setting: nanoseconds from its point's start, the channel's number from 0 on, on or off, and a tone's words."""


def event_rows(spans: Spans, synthesisers: NDArray[np.int64]) -> NDArray[Any]:
    """Return what is set when: ROWs by point, time, kind and number of the channel; a gate closes before it opens anew.

    Parameters
    ----------
    spans : Spans
    synthesisers : (n_outputs, n_tones) of int
        Number from 0 on of the synthesiser that makes each tone of each output.
    """
    rows = np.concatenate([_tone_rows(spans, synthesisers), _line_rows(spans), _gate_rows(spans)])
    return rows[np.lexsort((rows["on"], rows["number"], rows["kind"], rows["ns"], rows["point"]))]


def _rows(point: Any, ns: Any, kind: int, number: Any, on: int) -> NDArray[Any]:
    made = np.zeros(len(point), ROW)
    made["point"], made["ns"], made["kind"], made["number"], made["on"] = point, ns, kind, number, on
    return made


def _tone_rows(spans: Spans, synthesisers: NDArray[np.int64]) -> NDArray[Any]:
    """Return what sets a tone at the start of each stretch, and what ends it where no other follows at once."""
    tones = spans.tones
    number = synthesisers[tones["output"], tones["tone"]]
    on = _rows(tones["point"], tones["start"], TONE, number, 1)
    for word in ("ftw", "pow", "asf"):
        on[word] = tones[word]
    return _without_followed(on, _rows(tones["point"], tones["end"], TONE, number, 0))


def _line_rows(spans: Spans) -> NDArray[Any]:
    lines = spans.lines
    number = lines["output"].astype(np.int64) - 1
    on = _rows(lines["point"], lines["start"], LEVEL, number, 1)
    return _without_followed(on, _rows(lines["point"], lines["end"], LEVEL, number, 0))


def _gate_rows(spans: Spans) -> NDArray[Any]:
    gates = np.array([(g.point, g.start, g.end, g.counter - 1) for g in spans.gates], np.int64).reshape(-1, 4)
    on = _rows(gates[:, 0], gates[:, 1], GATE, gates[:, 3], 1)
    return np.concatenate([on, _rows(gates[:, 0], gates[:, 2], GATE, gates[:, 3], 0)])


def _without_followed(on: NDArray[Any], off: NDArray[Any]) -> NDArray[Any]:
    """Return both, but no end where the same channel is set again at the same time."""
    names = ("point", "number", "ns")
    keys = [np.stack([one[name] for name in names], axis=1, dtype=np.int64, casting="unsafe") for one in (on, off)]
    begun = {tuple(key) for key in keys[0].tolist()}
    kept = np.array([tuple(key) not in begun for key in keys[1].tolist()], bool)
    return np.concatenate([on, off[kept]])


def photons_of(gates: Sequence[Gate]) -> tuple[Photons, ...]:
    """Return which counts of a shot are whose: a result's columns are in order of points, then starts."""
    found: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    for column, gate in enumerate(gates):
        found.setdefault((gate.port, gate.slot), []).append((gate.point, gate.start, column))
    return tuple(Photons(*key, tuple(column for *_, column in sorted(rows))) for key, rows in found.items())
