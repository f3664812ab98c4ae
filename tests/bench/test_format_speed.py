"""Prints what building, hashing and packing cost; goals: 100 ns a gate call, a million instructions saved in 0.1 s."""

from statistics import median
from timeit import repeat

import numpy as np

import qctl
from qctl.program.opcodes import Op


def cost_s(statement: str, names: dict[str, object], number: int = 1) -> float:
    return median(repeat(statement, globals=names, number=number, repeat=5)) / number


def test_costs_are_printed():
    c = qctl.Circuit(5)
    for call in ("c.h(0)", "c.cx(0, 1)", "c.rx(0.3, 1)", "c.rzz(0.3, 0, 1)"):
        print(f"{call}: {1e9 * cost_s(call, {'c': c}, 100_000):.0f} ns (goal 100)")
    rng = np.random.default_rng(0)
    n = 200_000
    first = rng.integers(0, 99, n)
    ops = rng.choice([Op.H, Op.CX, Op.RZ, Op.RZZ], n)
    big = qctl.Circuit.from_arrays(100, ops, first, first + 1, rng.normal(size=n))
    for call in (
        "big.to_bytes()",
        "big.to_bytes(packed=True)",
        "big.hash",
        "kind.from_bytes(raw)",
        "kind.from_bytes(packed)",
    ):
        names = {"big": big, "kind": qctl.Circuit, "raw": big.to_bytes(), "packed": big.to_bytes(packed=True)}
        print(f"{call}: {1e9 / n * cost_s(call, names):.1f} ns an instruction (goal 100)")
    print(f"raw {len(big.to_bytes()) / n:.1f}, packed {len(big.to_bytes(packed=True)) / n:.1f} bytes an instruction")
    assert len(big) == n
