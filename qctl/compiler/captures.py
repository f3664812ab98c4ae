"""Capture specs: what reduce must know of each capture of a timeline, from the rows that record and their ticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.rows import Rows
from qctl.compiler.tables import Tables
from qctl.errors import CompileError
from qctl.lab import TransmonQubit
from qctl.program.body import Body
from qctl.program.layout import INSTRUCTION, NONE
from qctl.program.opcodes import Op
from qctl.program.sampling import envelope_samples
from qctl.program.timeline import CAPTURE, CaptureSpec

__all__ = ["specs_of"]

Specs = tuple[CaptureSpec, ...]


def specs_of(
    rows: Rows, bodies: Sequence[Body], tables: Tables, n_points: int, captures: NDArray,
    captures_hz: NDArray[np.float64], capture_rows: NDArray[np.int32], counts: NDArray[np.int64], alike: bool = False,
) -> list[Specs]:  # fmt: skip
    """Return the specs of each sequence; sequences that capture alike share theirs.

    Parameters
    ----------
    rows, bodies, tables, n_points
        As `timing.time_rows` takes them.
    captures, captures_hz, capture_rows, counts
        As `frames.walk` and `schedule.schedule` fill them.
    alike : bool
        Whether all sequences are known to capture the same at the same time, if into the same bits.

    Raises
    ------
    CompileError
        If weights are all 0.
    """
    if (
        n_points == 1
        and len(bodies)
        and (_same_bits(bodies) if alike else _all_alike(rows, bodies, captures, captures_hz, capture_rows, counts))
    ):
        n = int(counts[0, 2])
        if rows.captures:
            work = _Specs(rows, tables, n_points)
            return [
                work.of(bodies[0], 0, captures[:n].reshape(1, n), captures_hz[:n].reshape(1, n), capture_rows[:n])
            ] * len(bodies)
        measured = rows.rows.take(capture_rows[:n])
        numbers = (captures[:n].tobytes(), captures_hz[:n].tobytes(), measured.tobytes(), rows.places.tobytes())
        return [_measured(tables, bodies[0].bits, *numbers)] * len(bodies)
    work = _Specs(rows, tables, n_points)
    known: dict[object, Specs] = {}
    found = []
    at = 0
    for s, body in enumerate(bodies):
        n = int(counts[s, 2])
        end = at + n * n_points
        key = None
        if n_points == 1:
            row = rows.rows[rows.bounds[s] + capture_rows[at:end]]
            key = (body.bits, captures[at:end].tobytes(), captures_hz[at:end].tobytes(), row.tobytes())
        specs = known.get(key) if key is not None else None
        if specs is None:
            specs = work.of(
                body, int(rows.bounds[s]), captures[at:end].reshape(n_points, n),
                captures_hz[at:end].reshape(n_points, n), capture_rows[at : at + n],
            )  # fmt: skip
            if key is not None:
                known[key] = specs
        found.append(specs)
        at = end
    return found


def _all_alike(
    rows: Rows, bodies: Sequence[Body], captures: NDArray, captures_hz: NDArray[np.float64],
    capture_rows: NDArray[np.int32], counts: NDArray[np.int64],
) -> bool:  # fmt: skip
    """Say whether all sequences capture the same, at the same time, into the same bits."""
    n_sequences, n = len(bodies), int(counts[0, 2])
    if (counts[:, 2] != n).any() or not _same_bits(bodies):
        return False
    if not n:
        return True
    table = rows.rows[np.repeat(rows.bounds[:-1], n) + capture_rows]
    parts = [x.view(np.uint8).reshape(n_sequences, -1) for x in (captures, captures_hz, table)]
    return all((part == part[0]).all() for part in parts)


def _same_bits(bodies: Sequence[Body]) -> bool:
    """Say whether all programs have the same bits."""
    first = bodies[0]
    return all(body is first or body.bits == first.bits for body in bodies)


@lru_cache(maxsize=256)
def _measured(
    tables: Tables, bits: tuple[str, ...], captures: bytes, captures_hz: bytes, rows: bytes, places: bytes
) -> Specs:
    """Return the specs of measurements alone, with one point."""
    table, where = np.frombuffer(captures, CAPTURE), np.frombuffer(places, np.int32)
    hz, measured = np.frombuffer(captures_hz), np.frombuffer(rows, INSTRUCTION)
    specs = [
        _measurement(tables, bits, row, where, capture, float(f))
        for row, capture, f in zip(measured, table, hz, strict=True)
    ]
    return _last_kept(specs)


class _Specs:
    """What is the same for all captures of a call."""

    def __init__(self, rows: Rows, tables: Tables, n_points: int) -> None:
        self.rows = rows
        self.tables = tables
        self.n_points = n_points

    def of(
        self, body: Body, first: int, captures: NDArray, hz: NDArray[np.float64], made_rows: NDArray[np.int32]
    ) -> Specs:
        """Return the specs of one sequence; of several into one bit the last one keeps it."""
        specs = [
            self._spec(body, first + int(row), captures[:, k], hz[:, k]) for k, row in enumerate(made_rows.tolist())
        ]
        return _last_kept(specs)

    def _spec(self, body: Body, k: int, captures: NDArray, hz: NDArray[np.float64]) -> CaptureSpec:
        row, tables = self.rows.rows[k], self.tables
        port, _, start = captures.item(0)
        if int(row["op"]) == Op.MEASURE:
            made = _measurement(tables, body.bits, row, self.rows.places, captures[0], float(hz[0]))
        else:
            number, index = self.rows.captures[int(row["b"])]
            capture = body.captures[number]
            known = tables.lengths_s
            found = known[index] if index < len(known) else self.rows.lengths[index - len(known)]
            assert isinstance(found, Fraction)  # a capture's length is not swept
            mode = capture.mode.name.lower()
            made = _first_spec(tables, port, start, capture.slot, capture.bit, float(hz[0]), float(found), mode)
            if capture.weights >= 0:
                record_hz = tables.lines.lines[port].record_hz
                assert record_hz is not None
                weights = envelope_samples(body.waveforms[capture.weights], record_hz)
                if not weights.any():
                    raise CompileError(f"the weights of the capture {capture.slot!r} are all 0")
                made = replace(made, weights=weights)
        if self.n_points == 1:
            return made
        starts_s = captures["start"] / float(tables.lines.lines[port].rate_hz)
        return replace(
            made,
            starts_s=starts_s if np.ptp(captures["start"]) else None,
            ifs_hz=hz.copy() if np.ptp(hz) else None,
            n_points=self.n_points,
        )


def _last_kept(specs: Sequence[CaptureSpec]) -> Specs:
    """Return specs of which, of several into one bit, the last one keeps it."""
    last = {spec.bit: k for k, spec in enumerate(specs)}
    return tuple(spec if spec.bit < 0 or last[spec.bit] == k else replace(spec, bit=-1) for k, spec in enumerate(specs))


def _measurement(
    tables: Tables, bits: tuple[str, ...], row: np.void, places: NDArray[np.int32], capture: np.void, hz: float
) -> CaptureSpec:
    """Return what a measurement captures at one point."""
    port, _, start = capture.item()
    q, bit = int(places[int(row["a"])]), int(row["b"])
    slot, bit = (bits[bit], bit) if bit != NONE else (f"{tables.names[q]}.reset", -1)
    return _first_spec(tables, port, start, slot, bit, hz, tables.qubit(q).readout.length_s, "bit")


@lru_cache(maxsize=1024)
def _first_spec(
    tables: Tables, port: int, start: int, slot: str, bit: int, if_hz: float, length_s: float, mode: str
) -> CaptureSpec:
    """Return what is known of a capture at one point, whose start is in ticks of its line."""
    line = tables.lines.lines[port]
    # Readout by two inputs sees the sideband, by one alone its cosine: both turn with the intermediate frequency.
    owner = tables.values.qubits.get(line.port.target)
    tuned = owner.readout if isinstance(owner, TransmonQubit) else None
    centres = (tuned.center0_v, tuned.center1_v, tuned.center2_v) if tuned else (None, None, None)
    zero, one, two = (None if c is None else complex(*c) for c in centres)
    return CaptureSpec(
        line.port.name,
        line.port.target,
        slot,
        bit,
        line.port.inputs[0].instrument,
        tuple(ref.input for ref in line.port.inputs),
        if_hz,
        float(Fraction(start) / line.rate_hz),
        length_s,
        None,
        None,
        None,
        mode,
        tuned.angle_rad if tuned else 0.0,
        tuned.threshold_v if tuned else 0.0,
        zero,
        one,
        two,
    )
