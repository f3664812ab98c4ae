"""Programs that are native lines already: from arrays to rows together, without a step in Python for each gate."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from qctl.cext import minimal, sequences
from qctl.compiler.rows import NO_FRAMES, NO_VALUES, NO_WAVES, Counted, Rows, late_of
from qctl.compiler.sweep_values import seconds_over_points
from qctl.compiler.tables import Tables
from qctl.compiler.translate import Native
from qctl.compiler.unroll import MAX_STEPS
from qctl.program.body import Body
from qctl.program.layout import INSTRUCTION, OPERAND, PORT_BIT, Flag
from qctl.program.opcodes import Op
from qctl.program.straights import bounds_of

__all__ = ["Joined", "lengths_of_delays", "pairs_of", "plain", "rows_of_lines", "rows_of_natives"]


class Joined:
    """Bodies' arrays, one after the other.

    Parameters
    ----------
    bodies : sequence of Body
        Any.

    Attributes
    ----------
    rows, bounds, words, word_bounds
        Instructions and operands of all bodies, and where each body's begin.
    native : (n,) bool
        Which of them translation would not improve, but for blocks of two qubits that could do with fewer cz.
    """

    def __init__(self, bodies: Sequence[Body]) -> None:
        self.bounds = bounds_of([len(body.instructions) for body in bodies])
        self.word_bounds = bounds_of([len(body.operands) for body in bodies])
        self.rows = np.frombuffer(bytearray().join([body.instructions.data for body in bodies]), INSTRUCTION)
        self.words = np.frombuffer(bytearray().join([body.operands.data for body in bodies]), OPERAND)
        n_qubits = [body.n_qubits for body in bodies]
        found = np.empty(len(bodies), np.uint8)
        work = np.empty(24 * max(n_qubits, default=0) + 8, np.int8)
        minimal.native(self.rows, self.bounds, self.words, self.word_bounds, np.array(n_qubits, np.int64), work, found)
        found &= self.bounds[1:] - self.bounds[:-1] <= MAX_STEPS
        self.native = found.astype(bool)


def pairs_of(lines: Joined) -> list[tuple[tuple[int, int], ...]]:
    """Return the pairs of qubits that each line's cz gates join, each once, in order."""
    found, more = np.empty((len(lines.native), 2), np.int64), np.empty(len(lines.native), np.uint8)
    minimal.pairs(lines.rows, lines.bounds, found, more)
    known: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
    pairs = [known.setdefault((a, b), ((a, b),) if a >= 0 else ()) for a, b in found.tolist()]
    for s in np.flatnonzero(more).tolist() if any(more.tobytes()) else ():
        rows = lines.rows[lines.bounds[s] : lines.bounds[s + 1]]
        joining = rows[rows["op"] == Op.CZ]
        a, b = np.minimum(joining["a"], joining["b"]).tolist(), np.maximum(joining["a"], joining["b"]).tolist()
        pairs[s] = tuple(dict.fromkeys(zip(a, b, strict=True)))
    return pairs


def rows_of_lines(lines: Joined, chosen: Sequence[int], places: Sequence[int], tables: Tables) -> Rows:
    """Return the rows of native lines whose qubits have the same places.

    Parameters
    ----------
    lines : Joined
        All bodies.
    chosen : sequence of int
        Which of them.
    places : sequence of int
        Physical qubit of each of their qubits.
    tables : Tables
        The processor.
    """
    if len(chosen) == len(lines.native):
        rows, words, bounds, word_bounds = lines.rows, lines.words, lines.bounds, lines.word_bounds
    else:
        rows = np.concatenate([lines.rows[lines.bounds[s] : lines.bounds[s + 1]] for s in chosen])
        words = np.concatenate([lines.words[lines.word_bounds[s] : lines.word_bounds[s + 1]] for s in chosen])
        bounds = bounds_of([int(lines.bounds[s + 1] - lines.bounds[s]) for s in chosen])
        word_bounds = bounds_of([int(lines.word_bounds[s + 1] - lines.word_bounds[s]) for s in chosen])
    lengths, rows = _joined(rows, bounds, word_bounds, len(tables.lengths_s))
    return Rows(
        rows, bounds, words, late_of(len(bounds) - 1), np.array(places, np.int32), NO_FRAMES, NO_FRAMES,
        tables.states_hz, lengths, (), NO_WAVES, tables.waveforms, (), NO_VALUES, (),
        Counted(bounds),
    )  # fmt: skip


def plain(body: Body) -> bool:
    """Say whether a program is gates, measurements, resets, barriers and delays with numbers, and nothing else."""
    if body.parameters or body.expressions or body.blocks or body.ports or not 0 < len(body) <= MAX_STEPS:
        return False
    ops, flags = body.instructions["op"], body.instructions["flags"]
    gates = (ops >= Op.ID) & (ops <= Op.MS)
    delays = (ops == Op.DELAY) & (flags == Flag.IMM) & ((body.instructions["a"] & PORT_BIT) == 0)
    return bool((gates | delays | np.isin(ops, (Op.MEASURE, Op.RESET, Op.BARRIER, Op.NOP))).all())


def rows_of_natives(made: Sequence[Native], tables: Tables) -> Rows:
    """Return the rows of translated lines, whose qubits are physical ones already."""
    bounds, word_bounds = bounds_of([len(one.rows) for one in made]), bounds_of([len(one.words) for one in made])
    rows = np.frombuffer(bytearray().join([one.rows.data for one in made]), INSTRUCTION)
    words = np.concatenate([one.words for one in made])
    lengths, rows = _joined(rows, bounds, word_bounds, len(tables.lengths_s))
    return Rows(
        rows, bounds, words, late_of(len(made)), np.arange(len(tables.names), dtype=np.int32), NO_FRAMES, NO_FRAMES,
        tables.states_hz, lengths, (), NO_WAVES, tables.waveforms, (), NO_VALUES, (),
        np.concatenate([one.sources for one in made]).astype(np.int64),
    )  # fmt: skip


def _joined(
    rows: NDArray, bounds: NDArray[np.int64], word_bounds: NDArray[np.int64], n_known: int
) -> tuple[tuple[Fraction, ...], NDArray]:
    """Return what `lengths_of_delays` does of rows whose barriers find their words among those of all lines."""
    made = np.empty(len(rows), INSTRUCTION)
    delays = sequences.join(rows, bounds, word_bounds, made)
    return lengths_of_delays(made, n_known) if delays else ((), made)


def lengths_of_delays(rows: NDArray, n_known: int) -> tuple[tuple[Fraction, ...], NDArray]:
    """Return the lengths of delays, and rows in which each delay has the index of its own, from `n_known` on."""
    delays = np.flatnonzero(rows["op"] == Op.DELAY)
    if not len(delays):
        return (), rows
    rows = rows.copy()
    halves = np.stack([rows["b"][delays], rows["c"][delays]], axis=1)
    values, firsts, index = np.unique(halves.view("<f8").ravel(), return_index=True, return_inverse=True)
    rows["b"][delays] = n_known + index
    found: list[Fraction] = []
    for value, first in zip(values.tolist(), firsts.tolist(), strict=True):
        seconds = seconds_over_points(value, {}, f"delay at instruction {int(delays[first])}")
        assert isinstance(seconds, Fraction)
        found.append(seconds)
    return tuple(found), rows
