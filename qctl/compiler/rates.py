"""Errors and times of a target's gates, and the success that they let expect of a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, fsum, log1p
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import promise
from qctl.errors import RequestError
from qctl.lab.snapshot import effective
from qctl.program.opcodes import Op

if TYPE_CHECKING:
    from qctl.lab import Lab
    from qctl.lab.snapshot import Snapshot

__all__ = ["Rates", "Usage", "expected_success", "opcode_of", "usage"]

_WORST = 1 - 1e-9
"""An error rate of one would make all layouts that use it equally bad."""


@dataclass(frozen=True)
class Rates:
    """What goes wrong, and how long it takes.

    Attributes
    ----------
    pair_error : tuple of float, or mapping of str to such
        Average infidelity of the two-qubit gate on each edge of the target, in the order of its edges; of several gates
        by their names, 1 where an edge doesn't have one.
    pulse_error : tuple of float
        Average infidelity of a one-qubit pulse on each qubit; rz costs nothing. Empty for none.
    readout_error : tuple of float
        Probability to read the wrong bit of each qubit. Empty for none.
    pair_s, pulse_s, readout_s : tuple of float
        Times of the same. Empty for none.
    t1_s, t2_s : tuple of float
        Lifetimes of each qubit, which it loses while it waits for others. Empty for none.
    """

    pair_error: tuple[float, ...] | Mapping[str, tuple[float, ...]]
    pulse_error: tuple[float, ...] = ()
    readout_error: tuple[float, ...] = ()
    pair_s: tuple[float, ...] = ()
    pulse_s: tuple[float, ...] = ()
    readout_s: tuple[float, ...] = ()
    t1_s: tuple[float, ...] = ()
    t2_s: tuple[float, ...] = ()

    @classmethod
    def from_lab(
        cls,
        lab: Lab,
        processor: str,
        snapshot: Snapshot | None = None,
        *,
        fidelities: Mapping[str, float] | None = None,
    ) -> Rates:
        """Return the rates of a processor's calibration; `qctl.compiler.calibrated` says what they are made of."""
        from qctl.compiler.calibrated import rates_of

        return rates_of(effective(lab, processor, snapshot), fidelities)

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
        for name, values in self._named():
            wanted = len(edges) if name.startswith("pair") else n
            if len(values) != wanted and (values or name.startswith("pair_error")):
                raise RequestError(f"rates.{name} has {len(values)} values for {wanted}")
            most = float("inf") if name.endswith("_s") else 1.0
            for k, value in enumerate(values):
                if not 0 <= value <= most or (value == 0 and name in ("t1_s", "t2_s")):
                    raise RequestError(f"rates.{name}[{k}] = {value} is outside [0, {most:g}]")

    def _named(self) -> Iterator[tuple[str, Sequence[float]]]:
        """Yield all that is measured, with its name."""
        for name in self.__dataclass_fields__:
            values = getattr(self, name)
            if isinstance(values, Mapping):
                yield from ((f"{name}[{gate!r}]", each) for gate, each in values.items())
            else:
                yield name, values

    @cached_property
    def pulse_price(self) -> NDArray[np.float64]:
        """Return minus the logarithm of each pulse's fidelity."""
        return _prices(self.pulse_error)

    @cached_property
    def readout_price(self) -> NDArray[np.float64]:
        """Return minus the logarithm of the probability to read each qubit rightly."""
        return _prices(self.readout_error)

    def of_part(self, edges: Sequence[int], qubits: Sequence[int]) -> Rates:
        """Return the rates of some of the edges, by their place, and of some of the qubits."""
        changed: dict[str, Any] = {}
        for name in self.__dataclass_fields__:
            values, kept = getattr(self, name), edges if name.startswith("pair") else qubits
            if isinstance(values, Mapping):
                changed[name] = {gate: tuple(each[k] for k in kept) for gate, each in values.items()}
            elif values:
                changed[name] = tuple(values[k] for k in kept)
        return replace(self, **changed)

    @property
    def gates(self) -> tuple[str, ...]:
        """Return the two-qubit gates whose errors are known apart; none if each edge has one error for all."""
        return tuple(self.pair_error) if isinstance(self.pair_error, Mapping) else ()

    @cached_property
    def kinds(self) -> NDArray[np.uint8]:
        """Return the place in `gates` of each gate from id on, 0 for all others."""
        found = np.zeros(Op.MS - Op.ID + 1, np.uint8)
        for k, name in enumerate(self.gates):
            found[opcode_of(name) - Op.ID] = k
        return found

    def pair_prices(self, edges: Sequence[tuple[int, int]], n: int, directed: bool) -> NDArray[np.float64]:
        """Return minus the logarithm of each pair's fidelity, (n_gates or 1, n, n), infinite where there is no gate."""
        each = self.pair_error.values() if isinstance(self.pair_error, Mapping) else (self.pair_error,)
        found = np.full((len(each), n, n), np.inf)
        a, b = np.array(edges, np.intp).reshape(-1, 2).T
        for layer, errors in zip(found, each, strict=True):
            prices = _prices(errors)
            np.minimum.at(layer, (a, b), prices)
            if not directed:
                np.minimum.at(layer, (b, a), prices)
        return found

    def pair_lengths(self, edges: Sequence[tuple[int, int]], n: int) -> NDArray[np.float64]:
        """Return the length of each pair's gate in s, (n, n)."""
        found = np.zeros((n, n))
        if self.pair_s:
            a, b = np.array(edges, np.intp).reshape(-1, 2).T
            found[a, b] = found[b, a] = self.pair_s
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
    used = usage(rows, words, rates, n)
    at = np.nonzero(used.pairs)
    each = rates.pair_prices(edges, n, directed=False)[at]
    if not np.isfinite(each).all():
        k = int(np.argmin(np.isfinite(each)))
        raise RequestError(f"a gate on {(int(at[1][k]), int(at[2][k]))} is on no edge of the target")
    parts = [used.pairs[at] * each]
    for counts, prices in ((used.pulses, rates.pulse_price), (used.reads, rates.readout_price)):
        if len(prices):
            parts.append(counts * prices)
    price = fsum(np.concatenate(parts).tolist())
    if rates.t1_s or rates.t2_s:
        price += _waiting(rows, words, rates, edges, n)
    return exp(-price)


class Usage(NamedTuple):
    """What a native program asks of a target.

    Attributes
    ----------
    pulses, reads : (n,) int32
        Of each qubit.
    pairs : (n_kinds, n, n) int32
        Gates of each kind, first qubit first.
    """

    pulses: NDArray[np.int32]
    reads: NDArray[np.int32]
    pairs: NDArray[np.int32]


def usage(rows: NDArray, words: NDArray[np.uint32], rates: Rates, n: int) -> Usage:
    """Return how many pulses and readouts each qubit gets, and how many gates of each kind each pair."""
    found = Usage(np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros((max(len(rates.gates), 1), n, n), np.int32))
    promise.usage(_bytes(rows), np.ascontiguousarray(words), rates.kinds, *found)
    return found


def _waiting(rows: NDArray, words: NDArray[np.uint32], rates: Rates, edges: Sequence[tuple[int, int]], n: int) -> float:
    """Return minus the logarithm of what waiting leaves."""
    each = np.empty((n, 4))
    for k, (values, without) in enumerate(
        ((rates.pulse_s, 0.0), (rates.readout_s, 0.0), (rates.t1_s, np.inf), (rates.t2_s, np.inf))
    ):
        each[:, k] = values or without
    return promise.waiting(_bytes(rows), np.ascontiguousarray(words), each, rates.pair_lengths(edges, n))


def _bytes(rows: NDArray) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rows).view(np.uint8)


def opcode_of(gate: str) -> Op:
    """Return the opcode of a two-qubit gate of a basis: ``rzz(pi/2)`` is an rzz."""
    return Op[gate.partition("(")[0].upper()]
