"""Bring qubits together: swaps on the coupling graph, chosen by distance with a look ahead.

Source: G. Li, Y. Ding, Y. Xie, ASPLOS 2019 (SABRE); our own implementation of the idea.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from qctl.compiler.layout import Graph, distances, interactions, perfect_layout, random_layout
from qctl.compiler.steps import Step
from qctl.errors import CompileError
from qctl.program.opcodes import Op

__all__ = ["Routed", "route"]

LOOK_AHEAD = 20
LOOK_AHEAD_WEIGHT = 0.5
DECAY = 0.001
TRIALS = 12
_PAIRS = frozenset((Op.CZ, Op.SWAP, Op.ISWAP))


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """A program on physical qubits.

    Attributes
    ----------
    steps : tuple of Step
        Two-qubit steps on coupled pairs only.
    layout, final_layout : tuple of int
        Physical qubit of each program qubit at the start and at the end.
    n_swaps : int
        Swaps that were inserted.
    """

    steps: tuple[Step, ...]
    layout: tuple[int, ...]
    final_layout: tuple[int, ...]
    n_swaps: int


def route(steps: Sequence[Step], n_qubits: int, graph: Graph, seed: int = 0, level: int = 1) -> Routed:
    """Return the program on the coupling graph.

    Parameters
    ----------
    steps : sequence of Step
        One-qubit steps, cz, swap, iswap, and what passes through.
    n_qubits : int
        Program qubits.
    graph : Graph
        Coupling graph over physical qubits 0 … n - 1.
    seed : int
        Same seed, same result.
    level : int
        0 starts from the program's own numbers, 1 and above search a layout.

    Raises
    ------
    CompileError
        If the program has more qubits than the graph, or the graph has no way between two that must meet.
    """
    if n_qubits > len(graph):
        raise CompileError(f"the program has {n_qubits} qubits, the processor {len(graph)}")
    partners = interactions(steps, n_qubits)
    perfect = perfect_layout(partners, graph) if level > 0 else None
    if perfect is not None:
        return _Router(steps, graph, random.Random(seed)).run(perfect)
    far = distances(graph)
    starts = [list(range(n_qubits))]
    rng = random.Random(seed)
    if level > 0:
        starts += [random_layout(n_qubits, graph, rng) for _ in range(TRIALS)]
    best: Routed | None = None
    pairs = [step for step in steps if step.op in _PAIRS]
    for start in starts:
        if level > 0:
            # There and back again: the end of one pass is a good start for the other direction.
            there = _Router(pairs, graph, rng, far).run(start)
            back = _Router(pairs[::-1], graph, rng, far).run(list(there.final_layout))
            start = list(back.final_layout)
        found = _Router(steps, graph, rng, far).run(start)
        if best is None or found.n_swaps < best.n_swaps:
            best = found
    assert best is not None
    return best


class _Router:
    """One pass over the program."""

    def __init__(
        self, steps: Sequence[Step], graph: Graph, rng: random.Random, far: list[list[int]] | None = None
    ) -> None:
        self.steps = steps
        self.graph = graph
        self.rng = rng
        self.far = distances(graph) if far is None else far
        self.followers: list[list[int]] = [[] for _ in steps]
        self.waiting = [0] * len(steps)
        last: dict[tuple[str, int], int] = {}
        everyone = {("q", q) for step in steps for q in step.qubits}
        for k, step in enumerate(steps):
            # Pulses act on physical lines: they stay in order with everything.
            keys = {("q", q) for q in step.qubits} | ({*everyone, *last, ("p", 0)} if step.ports else set())
            for before in {last[key] for key in keys if key in last}:
                self.followers[before].append(k)
                self.waiting[k] += 1
            for key in keys:
                last[key] = k

    def run(self, layout: list[int]) -> Routed:
        """Return the program from a start layout."""
        place = list(layout)
        waiting = list(self.waiting)
        ready = [k for k, n in enumerate(waiting) if n == 0]
        out: list[Step] = []
        tired = [1.0] * len(self.graph)
        n_swaps = stuck = 0
        while ready:
            blocked = []
            moved = False
            for k in ready:
                step = self.steps[k]
                if step.op in _PAIRS and place[step.qubits[1]] not in self.graph[place[step.qubits[0]]]:
                    blocked.append(k)
                    continue
                out.append(step._replace(qubits=tuple(place[q] for q in step.qubits)) if step.qubits else step)
                moved = True
                for f in self.followers[k]:
                    waiting[f] -= 1
                    if waiting[f] == 0:
                        blocked.append(f)
            ready = sorted(blocked)
            if moved:
                tired = [1.0] * len(self.graph)
                stuck = 0
                continue
            if not ready:
                break
            a, b = self._forced(ready, place) if stuck > 2 * len(self.graph) else self._best(ready, place, tired)
            stuck += 1
            out.append(Step(Op.SWAP, (a, b)))
            n_swaps += 1
            tired[a] += DECAY
            tired[b] += DECAY
            place = [b if at == a else a if at == b else at for at in place]
        return Routed(tuple(out), tuple(layout), tuple(place), n_swaps)

    def _best(self, ready: Sequence[int], place: Sequence[int], tired: Sequence[float]) -> tuple[int, int]:
        """Return the swap that brings the blocked pairs, and those behind them, nearest together."""
        front = [self.steps[k].qubits for k in ready if self.steps[k].op in _PAIRS]
        for a, b in front:
            if self.far[place[a]][place[b]] >= len(self.graph) ** 2:
                raise CompileError(f"no chain of couplers joins the physical qubits {place[a]} and {place[b]}")
        ahead = self._ahead(ready)
        candidates = sorted(
            {(min(p, o), max(p, o)) for pair in front for q in pair for p in (place[q],) for o in self.graph[p]}
        )
        scored = []
        for a, b in candidates:
            trial = [b if at == a else a if at == b else at for at in place]
            near = sum(self.far[trial[x]][trial[y]] for x, y in front) / len(front)
            later = sum(self.far[trial[x]][trial[y]] for x, y in ahead) / len(ahead) if ahead else 0.0
            scored.append((max(tired[a], tired[b]) * (near + LOOK_AHEAD_WEIGHT * later), (a, b)))
        least = min(score for score, _ in scored)
        return self.rng.choice([swap for score, swap in scored if score <= least + 1e-12])

    def _ahead(self, ready: Sequence[int]) -> list[tuple[int, ...]]:
        found: list[tuple[int, ...]] = []
        seen = set(ready)
        todo = list(ready)
        while todo and len(found) < LOOK_AHEAD:
            k = todo.pop(0)
            for f in self.followers[k]:
                if f not in seen:
                    seen.add(f)
                    todo.append(f)
                    if self.steps[f].op in _PAIRS:
                        found.append(self.steps[f].qubits)
        return found

    def _forced(self, ready: Sequence[int], place: Sequence[int]) -> tuple[int, int]:
        """Return a swap on the shortest way of the first blocked pair, so that every program ends."""
        k = next(k for k in ready if self.steps[k].op in _PAIRS)
        a, b = (place[q] for q in self.steps[k].qubits)
        step = min(sorted(self.graph[a]), key=lambda o: self.far[o][b])
        return (min(a, step), max(a, step))
