"""simulate: a program on simulated qubits, by the method that fits it; each method has a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from numbers import Integral

from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.program.program import Program, expect_program
from qctl.simulation.choice import METHODS, choose_method
from qctl.simulation.noise import NoiseModel
from qctl.simulation.result import Estimate, Simulated, Wish

__all__ = ["METHODS", "choose_method", "estimate", "simulate"]


def simulate(
    program: Program,
    shots: int | None = None,
    seed: int | None = None,
    precision: str = "double",
    noise: NoiseModel | None = None,
    threads: int = 1,
    method: str = "auto",
    progress: Callable[[float], object] | None = None,
) -> Simulated:
    """Play a program on simulated qubits that start in |0>.

    Parameters
    ----------
    program : Program
        Gates, measurements, resets, loops and branches; all parameters bound.
    shots : int, optional
        How often it is measured; without it only the state is computed.
    seed : int, optional
        Of the sampled outcomes.
    precision : str
        ``double`` or ``single``.
    noise : NoiseModel, optional
        A noise model; None plays ideal qubits.
    threads : int
        Results don't depend on it.
    method : str
        One of `METHODS`, or ``auto``.
    progress : callable, optional
        Called with the part that is done, 0 to 1, a few times a second once the run has taken a second.

    Returns
    -------
    Simulated
        It says which method was taken, and why.

    Raises
    ------
    RequestError
        If a parameter is not bound, the program has pulses, or the state doesn't fit in memory.
    """
    body = expect_program(program).body
    wish = _checked(body, Wish(shots, seed, precision, noise, threads, progress))
    chosen, reason = choose_method(body, wish, method)
    if noise is not None:
        noise.warn_of_ideal(body)
    result: Simulated = import_module(METHODS[chosen]).play(body, wish)
    return replace(result, method=chosen, reason=reason)


def estimate(
    program: Program,
    shots: int | None = None,
    precision: str = "double",
    noise: NoiseModel | None = None,
    threads: int = 1,
    method: str = "auto",
) -> Estimate:
    """Return what `simulate` would take in memory and time, without playing anything.

    Raises
    ------
    RequestError
        As `simulate` does, but for what doesn't fit in memory.
    """
    body = expect_program(program).body
    wish = _checked(body, Wish(shots, None, precision, noise, threads))
    chosen, _ = choose_method(body, wish, method, fits=False)
    expected: Estimate = import_module(METHODS[chosen]).estimate(body, wish)
    return expected


def _checked(body: Body, wish: Wish) -> Wish:
    if wish.precision not in ("double", "single"):
        raise RequestError(f"precision = {wish.precision!r} is neither 'double' nor 'single'")
    for name, value, low, high in (
        ("shots", wish.shots, 1, 10**9),
        ("seed", wish.seed, 0, 2**128),
        ("threads", wish.threads, 1, 1024),
    ):
        if value is not None and not (isinstance(value, Integral) and low <= value <= high):
            raise RequestError(f"{name} = {value!r} is no whole number in [{low}, {high}]")
    if wish.noise is not None and not isinstance(wish.noise, NoiseModel):
        raise RequestError(f"noise = {wish.noise!r} is no NoiseModel")
    if body.parameters:
        raise RequestError(f"parameters are not bound: {', '.join(body.parameters)}")
    return wish
