"""Translate where errors were measured: of several routes and their equal places, the one that promises most success.

Sources: P. Murali et al., ASPLOS 2019 (noise-adaptive mapping); P. Nation, M. Treinish, PRX Quantum 4, 010327 (2023)
(places chosen after routing).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.cext.placement import cheapest_place
from qctl.compiler.parts import largest_part, moved, part_of
from qctl.compiler.rates import Rates, expected_success, usage
from qctl.compiler.target import Target
from qctl.compiler.translate import Native, native_rows

__all__ = ["translated_rows"]

_LIMITS = (1.5, 3.0, 10.0)
"""Couplers and qubits so many times worse than the middle one are left out in one candidate each."""
_VISITS = (0, 5_000, 30_000, 300_000)
"""Budget of the search for a place, by level."""


def translated_rows(
    rows: NDArray,
    words: NDArray[np.uint32],
    numbers: NDArray[np.float64],
    n_qubits: int,
    target: Target,
    *,
    level: int,
    fixed: bool = False,
    home: bool = False,
    **options: Any,
) -> tuple[Native, float | None]:
    """Return what `native_rows` returns, and the success that it promises where rates chose the layout.

    Rates choose it unless nothing may be moved, or the level keeps the program's numbers.
    """
    if target.rates is None or level == 0 or fixed or home:
        made = native_rows(rows, words, numbers, n_qubits, target, level=level, fixed=fixed, home=home, **options)
        return made, None
    return _measured_rows((rows, words, numbers, n_qubits), target, level=level, **options)


def _measured_rows(
    source: tuple[NDArray, NDArray[np.uint32], NDArray[np.float64], int], target: Target, *, level: int, **options: Any
) -> tuple[Native, float]:
    """Return what `native_rows` returns, chosen by the target's rates, and the success that it promises.

    The candidates are the route that knows no rates and those that leave out the worst couplers and qubits; each is
    then moved to the cheapest equal subgraph. So the promise is never below that of the first, as it came.

    Raises
    ------
    CompileError
        If it doesn't fit.
    """
    rates, edges = target.rates, target.edges
    assert rates is not None and edges is not None
    n = target.size(source[3])
    best: Native | None = None
    most = -1.0
    for part, kept in _parts(replace(target, n_qubits=n), source[3]):
        made = native_rows(*source, part, level=level, **options)
        if kept is not None:
            made = moved(made, kept)
        for candidate in (made, _placed(made, target, rates, n, _VISITS[min(max(level, 0), 3)])):
            found = expected_success(candidate.rows, candidate.words, rates, edges, n)
            if found > most:
                best, most = candidate, found
    assert best is not None
    return best, most


def _parts(target: Target, n_program: int) -> Iterator[tuple[Target, NDArray[np.int32] | None]]:
    """Yield the target, then parts of it that hang together without the worst, with the qubits that each has."""
    rates, edges, n = target.rates, target.edges, target.n_qubits
    assert rates is not None and edges is not None and n is not None
    yield target, None
    bare = rates.pair_prices(edges, n, directed=False).min(axis=0)
    price = [float(bare[edge]) for edge in edges]
    qubit = np.zeros(n)
    for prices in (rates.pulse_price, rates.readout_price):
        if len(prices):
            qubit = np.maximum(qubit, prices / max(float(np.median(prices)), 1e-12))
    middle = max(float(np.median(price)), 1e-12) if price else 1.0
    seen = {len(edges)}
    for limit in _LIMITS:
        left = [
            k
            for k, (edge, each) in enumerate(zip(edges, price, strict=True))
            if each <= limit * middle and max(qubit[edge[0]], qubit[edge[1]]) <= limit
        ]
        kept = largest_part([edges[k] for k in left], n)
        if len(left) in seen or len(kept) < n_program:
            continue
        seen.add(len(left))
        yield part_of(target, kept, left), np.array(kept, np.int32)


def _placed(made: Native, target: Target, rates: Rates, n: int, n_visits: int) -> Native:
    """Return a routed program on the cheapest equal subgraph that is found."""
    assert target.edges is not None
    asked = usage(made.rows, made.words, rates, n)
    kinds, first, second = np.nonzero(asked.pairs)
    single = np.stack([asked.pulses, asked.reads], axis=-1).astype(np.float64)
    used = np.flatnonzero(single.any(axis=1) | np.isin(np.arange(n), [first, second]))
    wires = [np.searchsorted(used, first), np.searchsorted(used, second)]
    uses = np.stack([*wires, asked.pairs[kinds, first, second], kinds], axis=-1).astype(np.int32)
    none = np.zeros(n)
    qubit_price = np.stack(
        [rates.pulse_price if rates.pulse_error else none, rates.readout_price if rates.readout_error else none],
        axis=-1,
    )
    found = np.full(len(used), -1, np.int32)
    cheapest_place(
        uses[np.lexsort((kinds, second, first))],
        single[used],
        rates.pair_prices(target.edges, n, target.directed),
        np.ascontiguousarray(qubit_price),
        n_visits,
        float("inf"),
        found,
    )
    if not len(used) or found[0] < 0:
        return made
    place = np.full(n, -1, np.int32)
    place[used] = found
    rest = sorted(set(range(n)) - set(found.tolist()))
    for q in (q for q in range(n) if place[q] < 0):
        place[q] = q if q in rest else rest[0]
        rest.remove(int(place[q]))
    return moved(made, place)
