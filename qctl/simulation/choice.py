"""Which method plays a program: what each one can't do, what it takes, and which one is chosen, with the reason."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.simulation.memory import lack
from qctl.simulation.result import Estimate, Wish

__all__ = ["METHODS", "choose_method"]

METHODS: dict[str, str] = {
    "statevector": "qctl.simulation.statevector",
    "density": "qctl.simulation.density",
    "trajectories": "qctl.simulation.trajectories",
    "stabilizer": "qctl.simulation.stabilizer",
    "mps": "qctl.simulation.mps",
}
"""Method → module with ``play(body, wish) -> Simulated``, ``estimate(body, wish) -> Estimate`` and
``refusal(body, wish) -> str``: why it can't play a program, or nothing."""

PREFERRED_S = 1.0
"""Methods that give more (a state, exact odds) are taken when they take less than this, whatever is faster."""

WHOLE = {"statevector": "no noise: the whole state vector", "density": "noise: exact odds by a density matrix"}
OTHERS = {
    "trajectories": "noise: shots by state vectors that jump",
    "stabilizer": "Clifford gates, and no noise but Paulis",
    "mps": "no exact method fits: matrix product states, bonds cut",
}


def choose_method(body: Body, wish: Wish, method: str = "auto", fits: bool = True) -> tuple[str, str]:
    """Return the method that plays a program, and why it is this one.

    Without noise the state vector is taken, with noise the density matrix, when it takes less than a second. Else the
    fastest exact method that fits in half of the memory is; matrix product states only if none fits. Without shots only
    methods that give the whole state are. With `fits` False memory counts as endless.

    Raises
    ------
    RequestError
        If there is no such method, or it can't play this program or doesn't fit in memory; what it needs is named.
    """
    if method != "auto" and method not in METHODS:
        raise RequestError(f"method = {method!r} is none of {['auto', *METHODS]}")
    if method != "auto":
        problem, _ = _judged(method, body, wish, fits)
        if problem:
            raise RequestError(f"method {method!r} can't play this program: {problem}")
        return method, "it was asked for"
    problems: list[str] = []
    fitting: dict[str, Estimate] = {}
    alone_s: dict[str, float] = {}  # on one thread: the number of threads changes no result, so it picks no method
    alone = replace(wish, threads=1)
    for name in METHODS:
        if name == "mps" and fitting:
            continue
        if name not in WHOLE and not wish.shots:
            problems.append(f"{name}: without shots it must be asked for by name, it gives no whole state")
            continue
        if name == "trajectories" and wish.noise is None:
            continue
        problem, expected = _judged(name, body, wish, fits)
        if problem or expected is None:
            problems.append(f"{name}: {problem}")
            continue
        fitting[name] = expected
        alone_s[name] = (
            import_module(METHODS[name]).estimate(body, alone).time_s if wish.threads > 1 else expected.time_s
        )
        if name in WHOLE and alone_s[name] < PREFERRED_S:
            return name, _said(name, expected)
    if not fitting:
        raise RequestError(f"no method can play this program: {'; '.join(problems)}")
    best = min(fitting, key=lambda name: alone_s[name])
    return best, _said(best, fitting[best])


def _judged(method: str, body: Body, wish: Wish, fits: bool) -> tuple[str, Estimate | None]:
    """Return what a method can't do, or what it is expected to take."""
    module: Any = import_module(METHODS[method])
    problem: str = module.refusal(body, wish)
    if problem:
        return problem, None
    expected: Estimate = module.estimate(body, wish)
    return lack(expected) if fits else "", expected


def _said(method: str, expected: Estimate) -> str:
    size = (
        f"{expected.memory_bytes / 2**30:.3g} GiB"
        if expected.memory_bytes >= 2**27
        else (f"{expected.memory_bytes / 2**20:.3g} MiB")
    )
    return f"{(WHOLE | OTHERS)[method]}, about {expected.time_s:.2g} s and {size}"
