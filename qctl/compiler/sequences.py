"""Sequences: many native gate sequences as bare arrays; rows are made of them without a step in Python for a gate."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qctl.cext import recycled
from qctl.cext import sequences as kernel
from qctl.compiler.native import lengths_of_delays
from qctl.compiler.rows import NO_FRAMES, NO_VALUES, NO_WAVES, Counted, Rows, late_of
from qctl.compiler.tables import Tables
from qctl.errors import CompileError, RequestError
from qctl.program.body import Body
from qctl.program.layout import INSTRUCTION, OPERAND
from qctl.program.opcodes import Op
from qctl.program.straights import copied
from qctl.program.tables import Symbol, SymbolKind

__all__ = ["Sequences", "body_of", "places_of", "rows_of_sequences"]

_KNOWN = (Op.RZ, Op.SX, Op.CZ, Op.MEASURE, Op.RESET, Op.DELAY, Op.BARRIER)
_NONE = np.empty(0, np.int64)
_MOST_TURNS = 32
"""Turns that are kept beside the rows before they are written into them."""


class Sequences:
    """A set of sequences of native gates, one after the other in flat arrays; `qctl.compile` takes it.

    Each sequence is played as it stands, for nothing is translated: rz (a virtual turn), sx, cz, measure, reset,
    barrier (of all qubits) and delay. All sequences are points of one run.

    Parameters
    ----------
    ops : (n,) int
        Opcodes (`qctl.program.opcodes.Op`).
    qubits : (n,) int
        Qubit of each; the first of a cz; not looked at for a barrier.
    angles : (n,) float, optional
        Radians of rz, seconds of delay; not looked at for others.
    offsets : (n_sequences + 1,) int, optional
        Sequence s is ``ops[offsets[s]:offsets[s + 1]]``; one sequence by default.
    second : (n,) int, optional
        Second qubit of a cz; not looked at for others.
    names : sequence of str, optional
        Qubits of lab.toml that the numbers mean; the processor's first ones by default. Qubit k is measured into bit k.

    Raises
    ------
    RequestError
        If shapes or dtypes don't fit, or an opcode, qubit, angle or offset is not allowed; the first one is named.
    """

    def __init__(
        self, ops: ArrayLike, qubits: ArrayLike, angles: ArrayLike | None = None, offsets: ArrayLike | None = None,
        second: ArrayLike | None = None, names: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        ops, qubits = _whole(ops, "ops"), _whole(qubits, "qubits")
        n = len(ops)
        offsets = np.array([0, n]) if offsets is None else _whole(offsets, "offsets")
        others = qubits if second is None else _whole(second, "second")
        angles = np.zeros(n) if angles is None else np.asarray(angles)
        if angles.dtype.kind not in "fiu" or angles.ndim != 1:
            raise RequestError(f"angles are {angles.dtype} of shape {angles.shape}, not numbers of shape ({n},)")
        if not len(qubits) == len(others) == len(angles) == n:
            raise RequestError(
                f"ops, qubits, angles, second have {n}, {len(qubits)}, {len(angles)}, {len(others)} rows: not the same"
            )
        bounds = np.array(offsets, np.int64)
        if not kernel.rising(bounds, n):
            raise RequestError(f"offsets must go up from 0 to {n}, the number of gates, and have two rows or more")
        rows = recycled.empty(n, INSTRUCTION)
        fault, n_qubits, has_delays = kernel.fill(
            np.ascontiguousarray(ops, np.int64), np.ascontiguousarray(qubits, np.int64),
            np.ascontiguousarray(angles, np.float64),
            _NONE if second is None else np.ascontiguousarray(others, np.int64),
            -1 if names is None else len(names), rows,
        )  # fmt: skip
        if fault >= 0:
            _refuse_gate(fault, ops, qubits, angles, others, second is not None, n_qubits)
        rows.setflags(write=False)
        self._rows: NDArray = rows
        self._turns: tuple[tuple[NDArray[np.int64], NDArray[np.float64]], ...] = ()
        bounds.setflags(write=False)
        self.bounds: NDArray[np.int64] = bounds
        self.n_qubits: int = n_qubits
        self.has_delays: bool = has_delays
        self.names: tuple[str, ...] | None = None if names is None else tuple(names)
        self.token = object()
        self.origin: tuple[object, NDArray[np.int64], NDArray[np.float64]] | None = None

    def turned(self, gates: ArrayLike, angles: ArrayLike) -> Sequences:
        """Return the same sequences with other angles of some rz; `Ready.patched` takes them in no time.

        Parameters
        ----------
        gates : (n,) int
            Numbers of the gates in the flat arrays.
        angles : (n,) float
            Radians.

        Raises
        ------
        RequestError
            If a gate is no rz, or an angle is not finite.
        """
        which, values = _whole(gates, "gates").astype(np.int64), np.array(angles, np.float64)
        if values.shape != which.shape:
            raise RequestError(f"angles have shape {values.shape}, gates {which.shape}")
        wrong = kernel.not_turning(self._rows, which, values)
        if wrong >= 0:
            gate, n = int(which[wrong]), len(self._rows)
            bound = "is no rz" if 0 <= gate < n else f"of {n} gates"
            if 0 <= gate < n and self._rows["op"][gate] == int(Op.RZ):
                bound = "would have an angle that is not finite"
            raise RequestError(f"gate {gate} {bound}: its angle can't be {values[wrong]}")
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new.__dict__.pop("hash", None)
        new._turns = (*self._turns, (which, values))
        if len(new._turns) > _MOST_TURNS:
            new._rows, new._turns = new.rows, ()
        new.token, new.origin = object(), (self.token, which, values)
        return new

    @property
    def rows(self) -> NDArray:
        """Return all gates as instructions; turns are written into a copy when they are asked for."""
        if self._turns:
            rows = copied(self._rows)
            halves = rows.view(np.uint64)  # the angle of an rz is the second one of its row
            for which, values in self._turns:
                halves[2 * which + 1] = values.view(np.uint64)
            rows.setflags(write=False)
            self._rows, self._turns = rows, ()
        return self._rows

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @cached_property
    def hash(self) -> str:
        """Return the content hash: BLAKE2b as hex."""
        digest = blake2b(f"sequences {self.n_qubits} {self.names}".encode(), digest_size=32)
        digest.update(self.bounds.tobytes())
        digest.update(self.rows.tobytes())
        return digest.hexdigest()


def _whole(given: ArrayLike, name: str) -> NDArray[np.integer]:
    array = np.asarray(given)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise RequestError(f"{name} are {array.dtype} of shape {array.shape}, not whole numbers in one row")
    return array if array.size else array.astype(np.int64)


def _refuse_gate(
    k: int, ops: NDArray, qubits: NDArray, angles: NDArray, second: NDArray, given: bool, n_qubits: int
) -> NoReturn:
    """Say what is wrong with a gate."""
    op = int(ops[k])
    of = f" of {n_qubits} qubits"
    if op not in _KNOWN:
        raise _refusal("opcode", op, k, f"; sequences have {', '.join(x.name.lower() for x in _KNOWN)}")
    if not 0 <= qubits[k] < n_qubits:
        raise _refusal("qubit", qubits[k], k, of)
    if op == Op.CZ and not given:
        raise RequestError("there are cz, and no second qubits: give `second`")
    raise _refusal("second qubit", second[k], k, of) if op == Op.CZ else _refusal("angle", angles[k], k)


def _refusal(name: str, value: object, k: int, bound: str = "") -> RequestError:
    return RequestError(f"{name} = {value} is not allowed at gate {k}{bound}")


@lru_cache(maxsize=256)
def places_of(tables: Tables, n_qubits: int, names: tuple[str, ...] | None) -> NDArray[np.int32]:
    """Return the physical qubit of each of so many sequences' qubits.

    Raises
    ------
    CompileError
        If the processor does not have them.
    """
    names = tables.names[:n_qubits] if names is None else names
    unknown = [name for name in names if name not in tables.names]
    if unknown:
        raise CompileError(f"qubit {unknown[0]} is not one of the processor's: {', '.join(tables.names)}")
    if len(names) < n_qubits:
        raise CompileError(f"the sequences have {n_qubits} qubits, the processor {len(names)}")
    places = np.array([tables.names.index(name) for name in names], np.int32)
    places.setflags(write=False)
    return places


@lru_cache(maxsize=256)
def body_of(tables: Tables, n_qubits: int, names: tuple[str, ...] | None) -> Body:
    """Return a body with sequences' qubits and bits, and no instruction: what names in errors and results need."""
    found = [tables.names[q] for q in places_of(tables, n_qubits, names).tolist()]
    qubits = [Symbol(SymbolKind.QUBIT, name) for name in found]
    return Body((*qubits, *(Symbol(SymbolKind.BIT, name) for name in found)))


def rows_of_sequences(sequences: Sequences, tables: Tables) -> Rows:
    """Return the rows that timing takes."""
    rows, bounds = sequences.rows, sequences.bounds
    lengths: tuple[Fraction, ...] = ()
    if sequences.has_delays:
        lengths, rows = lengths_of_delays(rows, len(tables.lengths_s))
    return Rows(
        rows, bounds, _all(sequences.n_qubits), late_of(len(bounds) - 1),
        places_of(tables, sequences.n_qubits, sequences.names), NO_FRAMES, NO_FRAMES, tables.states_hz, lengths, (),
        NO_WAVES, tables.waveforms, (), NO_VALUES, (), Counted(bounds),
    )  # fmt: skip


@lru_cache(maxsize=16)
def _all(n_qubits: int) -> NDArray[np.uint32]:
    """Return the words of a barrier of all qubits."""
    words = np.arange(n_qubits, dtype=OPERAND)
    words.setflags(write=False)
    return words
