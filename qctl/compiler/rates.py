"""Errors and times of a target's gates, and the success that they let expect of a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, log1p

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.program.layout import Flag
from qctl.program.opcodes import GATES, Op

__all__ = ["Rates", "expected_success"]

_VIRTUAL = (Op.RZ, Op.ID)
_WORST = 1 - 1e-9
"""An error rate of one would make all layouts that use it equally bad."""


@dataclass(frozen=True)
class Rates:
    """What goes wrong, and how long it takes.

    Attributes
    ----------
    pair_error : tuple of float
        Average infidelity of the two-qubit gate on each edge of the target, in the order of its edges.
    pulse_error : tuple of float
        Average infidelity of a one-qubit pulse on each qubit; rz costs nothing. Empty for none.
    readout_error : tuple of float
        Probability to read the wrong bit of each qubit. Empty for none.
    pair_s, pulse_s, readout_s : tuple of float
        Times of the same. Empty for none.
    t1_s, t2_s : tuple of float
        Lifetimes of each qubit, which it loses while it waits for others. Empty for none.
    """

    pair_error: tuple[float, ...]
    pulse_error: tuple[float, ...] = ()
    readout_error: tuple[float, ...] = ()
    pair_s: tuple[float, ...] = ()
    pulse_s: tuple[float, ...] = ()
    readout_s: tuple[float, ...] = ()
    t1_s: tuple[float, ...] = ()
    t2_s: tuple[float, ...] = ()

    def check(self, edges: Sequence[tuple[int, int]] | None, n_qubits: int | None) -> None:
        """Refuse rates that don't fit a target.

        Raises
        ------
        RequestError
            With the name and the number that is wrong.
        """
        if edges is None:
            raise RequestError("rates need a target with edges")
        n = n_qubits if n_qubits is not None else max((max(edge) for edge in edges), default=-1) + 1
        for name in self.__dataclass_fields__:
            values = getattr(self, name)
            wanted = len(edges) if name.startswith("pair") else n
            if len(values) != wanted and (values or name == "pair_error"):
                raise RequestError(f"rates.{name} has {len(values)} values for {wanted}")
            most = 1.0 if name.endswith("error") else float("inf")
            for k, value in enumerate(values):
                if not 0 <= value <= most or (value == 0 and name in ("t1_s", "t2_s")):
                    raise RequestError(f"rates.{name}[{k}] = {value} is outside [0, {most:g}]")

    @cached_property
    def pulse_price(self) -> NDArray[np.float64]:
        """Return minus the logarithm of each pulse's fidelity."""
        return _prices(self.pulse_error)

    @cached_property
    def readout_price(self) -> NDArray[np.float64]:
        """Return minus the logarithm of the probability to read each qubit rightly."""
        return _prices(self.readout_error)

    def pair_price(self, edges: Sequence[tuple[int, int]], n: int, directed: bool) -> NDArray[np.float64]:
        """Return minus the logarithm of each pair's fidelity, (n, n), infinite where there is no gate."""
        found = np.full((n, n), np.inf)
        for (a, b), price in zip(edges, _prices(self.pair_error).tolist(), strict=True):
            found[a, b] = min(found[a, b], price)
            if not directed:
                found[b, a] = min(found[b, a], price)
        return found


def _prices(errors: Sequence[float]) -> NDArray[np.float64]:
    return np.array([-log1p(-min(error, _WORST)) for error in errors], np.float64)


def expected_success(
    rows: NDArray, words: NDArray[np.uint32], rates: Rates, edges: Sequence[tuple[int, int]], n: int
) -> float:
    """Return the product of all fidelities of a native program's gates, readouts and waiting times.

    Parameters
    ----------
    rows : (n_rows,) INSTRUCTION
        In the target's gates, on its qubits.
    words : (n_words,) uint32
    rates : Rates
    edges : sequence of (int, int)
        Of the target.
    n : int
        Qubits of the target.

    Returns
    -------
    float
        0 to 1. Waiting a time t costs a qubit in use the average fidelity 1/2 + exp(-t/T1)/6 + exp(-t/T2)/3.

    Raises
    ------
    RequestError
        If a two-qubit gate is not on an edge.
    """
    pulses, reads, pairs = usage(rows, words, n)
    price = 0.0
    between = rates.pair_price(edges, n, directed=False)
    for (a, b), count in pairs.items():
        if not np.isfinite(between[a, b]):
            raise RequestError(f"a gate on {(a, b)} is on no edge of the target")
        price += count * float(between[a, b])
    for counts, prices in ((pulses, rates.pulse_price), (reads, rates.readout_price)):
        if len(prices):
            price += float(counts @ prices)
    return exp(-price) * (_waiting(rows, words, rates, edges, n) if rates.t1_s or rates.t2_s else 1.0)


def qubits_of(row: tuple[int, int, int, int, int], words: NDArray[np.uint32]) -> list[int]:
    """Return the qubits of a row without ports."""
    op, flags, a, b, _ = row
    if flags & Flag.WIDE:
        return [int(word) for word in words[a : a + b]]
    if op in GATES and GATES[Op(op)].n_qubits == 2:
        return [a, b]
    return [a] if op in GATES or op in (Op.MEASURE, Op.RESET, Op.DELAY) else []


def usage(
    rows: NDArray, words: NDArray[np.uint32], n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[tuple[int, int], int]]:
    """Return how many pulses and readouts each qubit gets, and how many gates each pair, first qubit first."""
    pulses, reads = np.zeros(n), np.zeros(n)
    pairs: dict[tuple[int, int], int] = {}
    for row in rows.tolist():
        op = row[0]
        qubits = qubits_of(row, words)
        if op == Op.MEASURE:
            reads[qubits[0]] += 1
        elif op in GATES and op not in _VIRTUAL:
            if len(qubits) == 2:
                pair = (qubits[0], qubits[1])
                pairs[pair] = pairs.get(pair, 0) + 1
            else:
                pulses[qubits[0]] += 1
    return pulses, reads, pairs


def _waiting(rows: NDArray, words: NDArray[np.uint32], rates: Rates, edges: Sequence[tuple[int, int]], n: int) -> float:
    """Return what waiting leaves: a row begins as soon as its qubits are free, a qubit waits from its first row on."""
    lengths = {frozenset(edge): time for edge, time in zip(edges, rates.pair_s, strict=False)}
    free: dict[int, float] = {}
    left = 1.0
    for row in rows.tolist():
        op, qubits = row[0], qubits_of(row, words)
        if not qubits:
            continue
        start = max((free.get(q, 0.0) for q in qubits), default=0.0)
        if op == Op.MEASURE:
            length = rates.readout_s[qubits[0]] if rates.readout_s else 0.0
        elif op in GATES and len(qubits) == 2:
            length = lengths.get(frozenset(qubits), 0.0)
        elif op in GATES and op not in _VIRTUAL:
            length = rates.pulse_s[qubits[0]] if rates.pulse_s else 0.0
        else:
            length = 0.0
        for q in qubits:
            idle = start - free.get(q, start)
            if idle > 0:
                t1 = exp(-idle / rates.t1_s[q]) if rates.t1_s else 1.0
                t2 = exp(-idle / rates.t2_s[q]) if rates.t2_s else 1.0
                left *= 0.5 + t1 / 6 + t2 / 3
            free[q] = start + length
    return left
