"""Values over all points of a sweep at once: expressions evaluated on arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.steps import Value
from qctl.compiler.times import Times
from qctl.errors import CompileError
from qctl.program.expressions import LEAVES, OPERATORS, Expression
from qctl.program.tables import Sweep
from qctl.units import rational_s

__all__ = ["Grid", "grid_of", "over_points", "seconds_over_points"]

Grid = Mapping[str, NDArray[np.float64]]
"""Name of a sweep → its value at each point."""

_FUNCTIONS = {
    "neg": np.negative,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "mod": np.mod,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "floor": np.floor,
    "ceil": np.ceil,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "not": np.logical_not,
    "xor": np.not_equal,
}


def grid_of(axes: Sequence[Sweep]) -> tuple[Grid, int]:
    """Return every sweep's value at every point, in C order over the axes, and the number of points."""
    shape = tuple(len(axis.values) for axis in axes)
    meshes = np.meshgrid(*(axis.values for axis in axes), indexing="ij") if axes else []
    n_points = int(np.prod(shape, dtype=np.int64))
    return {axis.name: mesh.ravel() for axis, mesh in zip(axes, meshes, strict=True)}, n_points


def over_points(value: Value, grid: Grid, what: str = "value") -> float | NDArray[np.float64]:
    """Return a value as a float, or as one float a point if it depends on a sweep.

    Raises
    ------
    CompileError
        If it depends on something else, or is undefined at a point.
    """
    if not isinstance(value, Expression):
        return float(value)
    stack: list[float | NDArray[np.float64]] = []
    with np.errstate(all="ignore"):
        for word, x in value.code:
            if word == "const":
                stack.append(float(x))  # type: ignore[arg-type]
            elif word == "sweep" and x in grid:
                stack.append(grid[str(x)])
            elif word in LEAVES:
                raise CompileError(f"{what} depends on the {word} {x!r}, which is not known before the run")
            else:
                count = OPERATORS[word][0]
                operands = stack[-count:]
                del stack[-count:]
                stack.append(np.asarray(_FUNCTIONS[word](*operands), dtype=np.float64))
    made = np.asarray(stack[0], dtype=np.float64)
    if not np.isfinite(made).all():
        raise CompileError(f"{what} = {value} is undefined at point {int(np.argmin(np.isfinite(made)))} of the sweep")
    return made if made.ndim else float(made)


def seconds_over_points(value: Value, grid: Grid, what: str = "duration_s") -> Fraction | Times:
    """Return a time as an exact fraction of seconds, or as one a point.

    Raises
    ------
    CompileError
        If it is negative or not known.
    """
    exact: Fraction | Times
    if isinstance(value, Fraction):
        exact = low = value
    else:
        found = over_points(value, grid, what)
        if isinstance(found, float):
            exact = low = rational_s(found)
        else:
            exact = Times.of(found.tolist())
            low = exact.least()
    if low < 0:
        raise CompileError(f"{what} = {float(low):g} s is below 0")
    return exact
