"""gradient: an expectation value and its derivatives by all parameters of a circuit, at the cost of a few circuits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qctl.cext.statevector import adjoint
from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.program.program import Program, expect_program, numbers_of
from qctl.simulation.evolve import evolve, ground, kernel_tables, refuse_too_large
from qctl.simulation.observables import PauliSum
from qctl.simulation.pace import SLICE_S
from qctl.simulation.result import Wish
from qctl.simulation.slopes import slope
from qctl.simulation.statevector import final_measurements
from qctl.simulation.vectors import instruction_set

__all__ = ["Gradient", "gradient"]


@dataclass(frozen=True, slots=True)
class Gradient:
    """An expectation value and its slope.

    Attributes
    ----------
    value : float
        Expectation value of the observable.
    derivatives : mapping of str to float
        By each parameter, in the order of the program's `inputs`.
    """

    value: float
    derivatives: Mapping[str, float]

    @property
    def vector(self) -> NDArray[np.float64]:
        """Return the derivatives as an array, (n_parameters,), in the order of the program's `inputs`."""
        return np.array(list(self.derivatives.values()))


def gradient(
    program: Program,
    observable: PauliSum,
    values: ArrayLike | Mapping[str, float],
    precision: str = "double",
    threads: int = 1,
) -> Gradient:
    """Return an expectation value at the end of a circuit of gates, and its derivatives by the circuit's parameters.

    The adjoint method plays the circuit once forwards, and backwards on two states. Source: Jones and Gacon,
    arXiv:2009.02823 (2020); here the derivatives of a whole fused block are taken from one sum over both states.

    Parameters
    ----------
    program : Program
        Gates, and measurements at the end, which are passed over.
    observable : PauliSum
    values : (n_params,) float or mapping of str to float
        A number for each parameter, in the order of the program's `inputs` or by name, as `Program.bind` takes them.
    precision : str
        ``double`` or ``single``.
    threads : int
        The result doesn't depend on it.

    Raises
    ------
    RequestError
        If the program has branches, loops or measurements midway, a parameter has no value or there is no such
        parameter, an angle has no derivative, or two states don't fit in memory.
    """
    if precision not in ("double", "single"):
        raise RequestError(f"precision = {precision!r} is neither 'double' nor 'single'")
    body = expect_program(program).body
    at = _by_name(body, values)
    for name, value in at.items():
        if not math.isfinite(value):
            raise RequestError(f"{name} = {value} is not a finite number")
    if body.blocks or final_measurements(body) is None:
        raise RequestError("a gradient is of gates alone, without blocks, resets or measurements before the end")
    dtype = Wish(precision=precision).dtype
    refuse_too_large(body.n_qubits, dtype, 2)
    slopes = [slope(expression, at) for expression in body.expressions]
    numbers = np.array([value for value, _ in slopes])
    state = ground(body.n_qubits, dtype)
    observable.refuse_beyond(body.n_qubits)
    evolve(body, 0, len(body), state, numbers, threads)
    value = observable.expectation(state)
    partner = observable.apply(state)
    rates = np.zeros(len(slopes))
    backwards = adjoint(*kernel_tables(body), numbers, 0, len(body), state, partner, rates, instruction_set())
    while not backwards.finished:
        backwards.advance(SLICE_S, threads)
    derivatives = dict.fromkeys(body.parameters, 0.0)
    for rate, (_, inner) in zip(rates.tolist(), slopes, strict=True):
        for name, by in inner.items():
            derivatives[name] += rate * by
    return Gradient(value, derivatives)


def _by_name(body: Body, values: ArrayLike | Mapping[str, float]) -> Mapping[str, float]:
    """Return a number for each parameter, by name."""
    if not isinstance(values, Mapping):
        row = numbers_of(values, (len(body.parameters),))
        return dict(zip(body.parameters, row.tolist(), strict=True))
    unknown = [name for name in values if name not in body.parameters]
    missing = [name for name in body.parameters if name not in values]
    if unknown or missing:
        raise RequestError(f"parameters without a value: {missing}; values for no parameter: {unknown}")
    return values
