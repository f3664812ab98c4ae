"""Translate straight lines of rows to a target: the kernels of `cext/translation.pyx`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext.translation import translate_rows
from qctl.compiler.parts import largest_part, moved, part_of
from qctl.compiler.target import Target
from qctl.errors import CompileError, RequestError
from qctl.program.layout import INSTRUCTION, OPERAND

__all__ = ["Native", "native_rows"]


class _Effort(NamedTuple):
    """How hard a level tries."""

    n_visits: int
    """Budget of the search for a layout without swaps."""
    n_trials: int
    """Start layouts; 0 keeps the program's numbers."""
    n_rounds: int
    """How often each of them goes there and back before it counts."""


_EFFORTS = (_Effort(0, 0, 0), _Effort(4_000, 2, 1), _Effort(20_000, 7, 1), _Effort(200_000, 40, 1))


class Native(NamedTuple):
    """A straight line in native gates.

    Attributes
    ----------
    rows : (n,) INSTRUCTION
        Expression fields of gates are indices of `symbols`; all other rows are the source's, on their new qubits.
    words : (n_words,) uint32
        Operand list; value words of gates are indices of `numbers`, or of `symbols` with bit 31.
    numbers : (n_numbers,) float64
    sources : (n,) int32
        Row of the program that a row comes from, or -1.
    symbols : list of (float, int)
        Factor and index of an expression of the program.
    layout, final_layout : tuple of int
        Physical qubit of each of the program's qubits at the start and at the end.
    n_swaps : int
        Swaps that routing put in.
    infidelity : float
        Sum of the average gate infidelities of what was approximated.
    """

    rows: NDArray
    words: NDArray[np.uint32]
    numbers: NDArray[np.float64]
    sources: NDArray[np.int32]
    symbols: list[tuple[float, int]]
    layout: tuple[int, ...]
    final_layout: tuple[int, ...]
    n_swaps: int
    infidelity: float


def native_rows(
    rows: NDArray,
    words: NDArray[np.uint32],
    numbers: NDArray[np.float64],
    n_qubits: int,
    target: Target,
    *,
    level: int,
    seed: int,
    fixed: bool = False,
    home: bool = False,
    approximation: float = 0.0,
    time_limit_s: float | None = None,
    threads: int = 1,
) -> Native:
    """Return instructions without blocks in a target's gates; exact up to a global phase.

    Parameters
    ----------
    rows : (n,) INSTRUCTION
    words : (n_words,) uint32
    numbers : (n_numbers,) float64
    n_qubits : int
        Qubits of the program.
    target : Target
        Where it goes.
    level : int
        0 keeps the program's numbers as start layout, 1 to 3 search one, harder and harder.
    seed : int
        Of layout and routing.
    fixed : bool
        Refuse to move qubits: for programs that name physical lines.
    home : bool
        Bring each qubit back to where it began.
    approximation : float
        Average gate infidelity that each two-qubit block may lose.
    time_limit_s : float, optional
        Time after which no new layout is tried.
    threads : int
        Threads that try layouts; the result is the same for any number, unless time runs out.

    Raises
    ------
    CompileError
        If it doesn't fit, or would have to move qubits although it is fixed.
    RequestError
        If an option is out of its range.
    """
    if not 0 <= approximation < 1:
        raise RequestError(f"approximation = {approximation} is outside [0, 1)")
    if time_limit_s is not None and not time_limit_s > 0:
        raise RequestError(f"time_limit_s = {time_limit_s} is not above 0")
    if not 1 <= threads <= MOST_THREADS:
        raise RequestError(f"threads = {threads} is outside [1, {MOST_THREADS}]")
    n_physical = target.size(n_qubits)
    if n_qubits > n_physical:
        raise CompileError(f"the program has {n_qubits} qubits, the target {n_physical}")
    if level not in range(len(_EFFORTS)):
        raise RequestError(f"level = {level!r} is none of {list(range(len(_EFFORTS)))}")
    effort = _EFFORTS[0 if fixed else level]
    made = translate_rows(
        np.ascontiguousarray(rows).view(np.uint8),
        np.ascontiguousarray(words),
        np.ascontiguousarray(numbers),
        n_qubits,
        n_physical,
        target.pairs(),
        target.edges is None,
        *target.gates(),
        *effort,
        seed & 0xFFFFFFFFFFFFFFFF,
        fixed,
        home,
        approximation,
        time_limit_s or 0.0,
        threads,
        target.one_way(n_physical),
        target.prices(n_physical),
    )
    state, where, other, found, operands, constants, sources, symbols, layout, last, n_swaps, lost = made
    if state == _BAD_ROW:
        raise CompileError(f"instruction {where} names what the program does not have", instruction=where)
    if state == _NO_COUPLER:
        raise CompileError(
            f"qubits {where} and {other} have no coupler, and a program that names ports can't be moved to other qubits"
        )
    if state == _NO_WAY:
        kept = largest_part(target.edges or (), n_physical)
        if level == 0 or fixed or home or not n_qubits <= len(kept) < n_physical:
            raise CompileError(
                f"no chain of couplers joins all {n_qubits} qubits of the program: the largest part of the target that "
                f"hangs together has {len(kept)} of its {n_physical} qubits"
            )
        inner = native_rows(
            rows, words, numbers, n_qubits, part_of(target, kept),
            level=level, seed=seed, approximation=approximation, time_limit_s=time_limit_s, threads=threads,
        )  # fmt: skip
        return moved(inner, np.array(kept, np.int32))
    return Native(
        np.frombuffer(found, INSTRUCTION),
        np.frombuffer(operands, OPERAND),
        np.frombuffer(constants, np.float64),
        np.frombuffer(sources, np.int32),
        symbols,
        tuple(layout),
        tuple(last),
        n_swaps,
        lost,
    )


MOST_THREADS = 1024
_BAD_ROW, _NO_COUPLER, _NO_WAY = 2, 3, 4
