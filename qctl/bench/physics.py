"""Pulse physics beside QuTiP, dynamiqs and Qiskit Dynamics: two coupled three-level transmons, 200 ns, T1 and T2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.bench.case import Case, Goal
from qctl.bench.physics_peers import (
    Solver,
    amplitudes,
    dynamics_side,
    dynamiqs_side,
    exact_side,
    pulses,
    qctl_side,
    qutip_side,
)

__all__ = ["CASES"]

LARGEST_ERROR = 1e-9
LARGEST_DIFFERENCE = 5e-3


@lru_cache(maxsize=4)
def _judge(n_batch: int, n_slices: int) -> NDArray[np.complex128]:
    """Return the last run's end by exact exponentials."""
    ends = exact_side(_drives(n_batch, n_slices)[-1:], 1)()
    return np.asarray(ends[0])


def _drives(n_batch: int, n_slices: int) -> NDArray[np.complex128]:
    return pulses(n_slices) if n_batch == 1 else amplitudes(n_batch, n_slices)


def _case(name: str, n_batch: int, n_slices: int, peers: Mapping[str, Solver], goals: tuple[Goal, ...]) -> Case:
    def side(solver: Solver) -> Callable[[int], Callable[[], Any]]:
        return lambda n_threads: solver(_drives(n_batch, n_slices), n_threads)

    def figures(values: Mapping[str, Any]) -> dict[str, dict[str, float]]:
        exact = _judge(n_batch, n_slices)
        return {name: {"error": float(np.abs(value[-1] - exact).max())} for name, value in values.items()}

    def agree(values: Mapping[str, Any]) -> None:
        errors = {name: figure["error"] for name, figure in figures(values).items()}
        assert errors["qctl"] <= LARGEST_ERROR, f"qctl differs from exact exponentials by {errors['qctl']:g}"
        for name, error in errors.items():
            assert error <= LARGEST_DIFFERENCE, f"{name} differs from exact exponentials by {error:g}"
            assert np.abs(values[name] - values["qctl"]).max() <= LARGEST_DIFFERENCE, f"{name} differs from qctl"

    step = "1 ns" if n_slices == 200 else "0.1 ns"
    runs = "" if n_batch == 1 else f", {n_batch} amplitudes"
    return Case(
        name=name,
        work=f"Lindblad equation of two coupled transmons (9 levels) with T1 and T2: 200 ns in slices of {step}{runs}",
        sides={peer: side(solver) for peer, solver in {"qctl": qctl_side, **peers}.items()},
        agree=agree,
        goals=goals,
        figures=figures,
    )


_ALL: dict[str, Solver] = {"qutip": qutip_side, "dynamiqs": dynamiqs_side, "qiskit-dynamics": dynamics_side}

CASES: tuple[Case, ...] = (
    _case("lindblad-1ns", 1, 200, _ALL, (Goal("qutip", 70.0), Goal("dynamiqs", 1.0))),
    _case("lindblad-0.1ns", 1, 2000, _ALL, (Goal("qutip", 15.0), Goal("dynamiqs", 1.0))),
    _case(
        "lindblad-100-amplitudes", 100, 200, {"dynamiqs": dynamiqs_side}, (Goal("qctl", 50e-3), Goal("dynamiqs", 1.0))
    ),
)
