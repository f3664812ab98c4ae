"""Parts of a target that hang together, and what was translated for one of them on the qubits that it has there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.target import Target
from qctl.program.layout import Flag
from qctl.program.opcodes import GATES, Op

if TYPE_CHECKING:
    from qctl.compiler.translate import Native

__all__ = ["largest_part", "moved", "part_of"]


def largest_part(edges: Iterable[tuple[int, int]], n: int) -> list[int]:
    """Return the largest set of qubits that hang together, in order."""
    group = [{q} for q in range(n)]
    for a, b in edges:
        if group[a] is not group[b]:
            group[a] |= group[b]
            for q in group[b]:
                group[q] = group[a]
    widest: set[int] = set()
    for each in group:
        widest = each if len(each) > len(widest) else widest
    return sorted(widest)


def part_of(target: Target, kept: Sequence[int], left: Iterable[int] | None = None) -> Target:
    """Return some of a target's qubits, numbered from 0 on, with all edges among them, or those that are left."""
    number = {q: k for k, q in enumerate(kept)}
    edges = target.edges or ()
    chosen = [k for k in (range(len(edges)) if left is None else left) if number.keys() >= set(edges[k])]
    inner = tuple((number[edges[k][0]], number[edges[k][1]]) for k in chosen)
    rates = None if target.rates is None else target.rates.of_part(chosen, kept)
    return replace(target, edges=inner, n_qubits=len(kept), rates=rates)


def moved(made: Native, place: NDArray[np.int32]) -> Native:
    """Return the same on other qubits: `place` has the new one of each."""
    rows, words = made.rows.copy(), made.words.copy()
    wide = (rows["flags"] & Flag.WIDE) != 0
    on_qubits = ~wide & (np.isin(rows["op"], [Op.MEASURE, Op.RESET, Op.DELAY]) | np.isin(rows["op"], [*GATES]))
    rows["a"][on_qubits] = place[rows["a"][on_qubits]]
    pairs = on_qubits & np.isin(rows["op"], [op for op, gate in GATES.items() if gate.n_qubits == 2])
    rows["b"][pairs] = place[rows["b"][pairs]]
    for start, count in zip(rows["a"][wide].tolist(), rows["b"][wide].tolist(), strict=True):
        words[start : start + count] = place[words[start : start + count]]
    return made._replace(
        rows=rows,
        words=words,
        layout=tuple(int(place[q]) for q in made.layout),
        final_layout=tuple(int(place[q]) for q in made.final_layout),
    )
