"""evolve: straight runs of a program's gates on a state vector, in place, and how much of it fits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.cext.statevector import evolution
from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.simulation.memory import have_bytes
from qctl.simulation.pace import SLICE_S, Pace
from qctl.simulation.vectors import instruction_set

__all__ = ["evolve", "ground", "kernel_tables", "refuse_too_large"]

State = NDArray[np.complexfloating]


def refuse_too_large(n_qubits: int, dtype: np.dtype, n_states: int = 1) -> None:
    """Raise RequestError if so many states don't fit in half of the memory."""
    need = n_states * dtype.itemsize * 2.0**n_qubits
    have = have_bytes()
    if need > have / 2:
        what = f"a state of {n_qubits} qubits" if n_states == 1 else f"{n_states} states of {n_qubits} qubits"
        raise RequestError(
            f"{what} in {dtype.name} needs {need / 2**30:.3g} GiB; "
            f"half of this machine's memory is {have / 2**31:.3g} GiB"
        )


def ground(n_qubits: int, dtype: np.dtype) -> State:
    """Return |0...0>, (2**n_qubits,); the kernels know no state of less than one qubit."""
    state = np.zeros(2 ** max(1, n_qubits), dtype)
    state[0] = 1
    return state


def kernel_tables(body: Body) -> tuple[Any, Any, Any]:
    """Return instructions as bytes, operands and constants, as the kernels take them."""
    return body.instructions.view(np.uint8), body.operands, body.constants


def evolve(
    body: Body,
    first: int,
    end: int,
    state: State,
    values: NDArray[np.float64] | None = None,
    threads: int = 1,
    pace: Pace | None = None,
) -> None:
    """Play rows first … end - 1 on a state, in place; measurements, barriers and delays among them do nothing.

    Parameters
    ----------
    body : Body
    first, end : int
    state : (2**n_qubits,) complex64 or complex128
    values : (n_expressions,) float64, optional
        Of the body's expressions, where rows use them.
    threads : int
    pace : Pace, optional
        It is told which part is done.

    Raises
    ------
    RequestError
        If a row is no gate.
    """
    try:
        run = evolution(
            *kernel_tables(body),
            np.zeros(len(body.expressions)) if values is None else values,
            first,
            end,
            state,
            instruction_set(),
        )
        while not run.finished:
            done = run.advance(SLICE_S, threads)
            if pace is not None:
                pace.tell(done)
    except ValueError as error:
        raise RequestError(f"{error}: simulate plays gates alone") from None
