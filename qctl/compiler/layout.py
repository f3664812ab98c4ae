"""Which physical qubit each program qubit starts on: a perfect layout if there is one, else seeded trials."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from qctl.compiler.steps import Step
from qctl.errors import CompileError
from qctl.program.opcodes import Op

__all__ = ["Graph", "distances", "interactions", "perfect_layout", "random_layout"]

Graph = Mapping[int, frozenset[int]]
"""Physical qubit → its neighbours."""

MAX_VISITS = 20_000
"""Steps of the search for a perfect layout before it gives up."""


def distances(graph: Graph) -> list[list[int]]:
    """Return the number of edges between every two qubits; a large number where there is no way."""
    n = len(graph)
    table = [[n * n] * n for _ in range(n)]
    for start in graph:
        table[start][start] = 0
        todo = deque([start])
        while todo:
            at = todo.popleft()
            for other in sorted(graph[at]):
                if table[start][other] == n * n:
                    table[start][other] = table[start][at] + 1
                    todo.append(other)
    return table


def interactions(steps: Iterable[Step], n_qubits: int) -> list[set[int]]:
    """Return with whom each program qubit has a two-qubit gate."""
    partners: list[set[int]] = [set() for _ in range(n_qubits)]
    for step in steps:
        if step.op in (Op.CZ, Op.SWAP, Op.ISWAP):
            a, b = step.qubits
            partners[a].add(b)
            partners[b].add(a)
    return partners


def perfect_layout(partners: Sequence[set[int]], graph: Graph) -> list[int] | None:
    """Return a layout in which every pair that interacts is coupled, or None.

    The layout that keeps the numbers is preferred; the search is deterministic and gives up after `MAX_VISITS`.

    Parameters
    ----------
    partners : sequence of set of int
        With whom each program qubit interacts.
    graph : Graph
        The coupling graph.
    """
    n = len(partners)
    if n <= len(graph) and all(partners[q] <= graph[q] for q in range(n)):
        return list(range(n))
    order = _order(partners)
    place: dict[int, int] = {}
    taken: set[int] = set()
    visits = 0

    def extend(k: int) -> bool:
        nonlocal visits
        if k == len(order):
            return True
        q = order[k]
        known = [place[p] for p in partners[q] if p in place]
        options = set(graph) - taken
        for at in known:
            options &= graph[at]
        for at in sorted(options, key=lambda at: (at != q, at)):
            visits += 1
            if visits > MAX_VISITS:
                return False
            if len(graph[at]) < len(partners[q]):
                continue
            place[q] = at
            taken.add(at)
            if extend(k + 1):
                return True
            del place[q]
            taken.discard(at)
        return False

    if not extend(0):
        return None
    return _filled(place, n, graph)


def _order(partners: Sequence[set[int]]) -> list[int]:
    """Return qubits with partners so that each but a group's first has one before it, the busiest first."""
    order: list[int] = []
    left = {q for q, who in enumerate(partners) if who}
    while left:
        near = [q for q in left if partners[q] & set(order)]
        q = min(near or left, key=lambda q: (-len(partners[q] & set(order)), -len(partners[q]), q))
        order.append(q)
        left.discard(q)
    return order


def _filled(place: Mapping[int, int], n: int, graph: Graph) -> list[int]:
    """Return a whole layout; qubits without a place keep their number where it is free."""
    layout = dict(place)
    free = sorted(set(graph) - set(layout.values()))
    for q in range(n):
        if q not in layout:
            if not free:
                raise CompileError(f"the program has {n} qubits, the processor {len(graph)}")
            layout[q] = q if q in free else free[0]
            free.remove(layout[q])
    return [layout[q] for q in range(n)]


def random_layout(n: int, graph: Graph, rng: random.Random) -> list[int]:
    """Return a layout on a connected patch around a random qubit, in random order."""
    start = rng.choice(sorted(graph))
    patch: list[int] = []
    todo = [start]
    seen = {start}
    while todo:
        at = todo.pop(0)
        patch.append(at)
        for other in sorted(graph[at]):
            if other not in seen:
                seen.add(other)
                todo.append(other)
    patch += sorted(set(graph) - seen)
    chosen = patch[:n]
    rng.shuffle(chosen)
    return chosen
