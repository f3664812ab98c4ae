"""The circuits and couplings of the translation benchmark, as plain gate lists that every side builds from."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

__all__ = ["COUPLINGS", "FAMILIES", "Gates", "circuit", "coupling", "names"]

Gates = list[tuple[str, tuple[float, ...], tuple[int, ...]]]
"""Name, angles, qubits; names are those of OpenQASM 2."""


def _qft(n: int) -> Gates:
    gates: Gates = []
    for j in range(n - 1, -1, -1):
        gates.append(("h", (), (j,)))
        gates += [("cp", (math.pi / 2 ** (j - k),), (k, j)) for k in range(j - 1, -1, -1)]
    return gates + [("swap", (), (k, n - 1 - k)) for k in range(n // 2)]


def _qaoa(n: int) -> Gates:
    """Two rounds on a random graph of degree three."""
    rng = random.Random(n)
    while True:
        stubs = [q for q in range(n) for _ in range(3)]
        rng.shuffle(stubs)
        pairs = {(min(a, b), max(a, b)) for a, b in zip(stubs[::2], stubs[1::2], strict=True) if a != b}
        if len(pairs) == 3 * n // 2:
            break
    gates: Gates = [("h", (), (q,)) for q in range(n)]
    for gamma, beta in ((0.7, 0.3), (0.4, 0.9)):
        gates += [("rzz", (gamma,), pair) for pair in sorted(pairs)]
        gates += [("rx", (beta,), (q,)) for q in range(n)]
    return gates


def _clifford_t(n: int) -> Gates:
    """Random h, s, t and cx: forty gates a qubit, a third of them cx."""
    rng = random.Random(n)
    gates: Gates = []
    for _ in range(40 * n):
        name = rng.choice(("h", "s", "t", "cx", "cx", "tdg"))
        gates.append((name, (), tuple(rng.sample(range(n), 2 if name == "cx" else 1))))
    return gates


def _volume(n: int) -> Gates:
    """Ten layers of random two-qubit gates on random pairs, each written as three cx and eight u3."""
    rng = random.Random(n)
    gates: Gates = []

    def turn(q: int) -> None:
        gates.append(("u3", tuple(rng.uniform(-math.pi, math.pi) for _ in range(3)), (q,)))

    for _ in range(10):
        order = rng.sample(range(n), n)
        for a, b in zip(order[::2], order[1::2], strict=False):
            for first, second in ((a, b), (b, a), (a, b)):
                turn(a)
                turn(b)
                gates.append(("cx", (), (first, second)))
            turn(a)
            turn(b)
    return gates


def _w_state(n: int) -> Gates:
    gates: Gates = [("x", (), (n - 1,))]
    for k in range(n - 1, 0, -1):
        theta = math.acos(math.sqrt(1 / (k + 1)))
        gates += [("ry", (-theta,), (k - 1,)), ("cz", (), (k, k - 1)), ("ry", (theta,), (k - 1,))]
    return gates + [("cx", (), (k - 1, k)) for k in range(n - 1, 0, -1)]


FAMILIES: dict[str, Callable[[int], Gates]] = {
    "qft": _qft,
    "qaoa": _qaoa,
    "clifft": _clifford_t,
    "qv": _volume,
    "wstate": _w_state,
}


def _line(n: int) -> list[tuple[int, int]]:
    return [(k, k + 1) for k in range(n - 1)]


def _grid(n: int) -> list[tuple[int, int]]:
    side = math.isqrt(n - 1) + 1
    across = [(r * side + c, r * side + c + 1) for r in range(side) for c in range(side - 1)]
    return across + [(k, k + side) for k in range(side * (side - 1))]


def _heavy_hex(n: int) -> list[tuple[int, int]]:
    """Rows of qubits, joined by bridges at every fourth, as on processors of 127 qubits; about as wide as high."""
    n_rows = max(2, round(math.sqrt(n / 1.25)))
    width = -(-n // n_rows)
    edges, at = [], n_rows * width
    for r in range(n_rows):
        edges += [(r * width + c, r * width + c + 1) for c in range(width - 1)]
        for c in range(2 * (r % 2), width, 4) if r < n_rows - 1 else ():
            edges += [(r * width + c, at), (at, (r + 1) * width + c)]
            at += 1
    return edges


COUPLINGS: dict[str, Callable[[int], list[tuple[int, int]]]] = {"heavyhex": _heavy_hex, "grid": _grid, "line": _line}


def names(qft: bool = False) -> list[str]:
    """Return the names of the cases, such as qv_100_grid."""
    families = ["qft"] if qft else ["qaoa", "clifft", "qv"]
    each = [f"{family}_{n}_{where}" for family in families for n in (20, 50, 100) for where in COUPLINGS]
    return each if qft else [*each, "wstate_118_grid"]


def circuit(name: str) -> tuple[int, Gates]:
    """Return the number of qubits and the gates of a case."""
    family, n, _ = name.split("_")
    return int(n), FAMILIES[family](int(n))


def coupling(name: str) -> list[tuple[int, int]]:
    """Return the coupled pairs of a case."""
    _, n, where = name.split("_")
    return COUPLINGS[where](int(n))
