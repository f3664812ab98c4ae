"""The builder's blocks: sweeps, loops, branches, repetitions, subroutines and calibrations."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from qctl.errors import RequestError
from qctl.program.expressions import Expression, Value, constant_value, sweep_variable
from qctl.program.names import NamedBuffer
from qctl.program.opcodes import GATES, OP_BY_NAME, Op
from qctl.program.tables import Block, BlockKind, Sweep

__all__ = ["BlockBuilder"]


class BlockBuilder(NamedBuffer):
    """Bracket instructions by ``with`` statements."""

    @contextmanager
    def _block(self, kind: BlockKind, **fields: Any) -> Iterator[int]:
        index = len(self._blocks)
        first = len(self)
        self._blocks.append(Block(kind, first, -1, **fields))
        self.emit(Op.BEGIN, 0, index)
        self._open.append(index)
        try:
            yield index
        finally:
            while self._open.pop() != index:
                pass
        row = self._blocks[index]
        self._blocks[index] = _ended(row, len(self))
        self.emit(Op.END, 0, index)

    @contextmanager
    def sweep(self, name: str, values: ArrayLike, unit: str = "") -> Iterator[Expression]:
        """Play the block once for each value, and return the swept variable.

        Parameters
        ----------
        name : str
            Of the variable, and of the axis of the results.
        values : (n_points,) float
            In SI units.
        unit : str
            For plots.

        Raises
        ------
        RequestError
            If the values are not one row of finite numbers, or the name already stands for others.
        """
        try:
            points = np.array(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise RequestError(f"sweep {name!r}: the values are no array of numbers: {error}") from None
        if points.ndim != 1 or not len(points):
            raise RequestError(f"sweep {name!r}: the values have the shape {points.shape}, expected (n,) with n > 0")
        if not np.isfinite(points).all():
            raise RequestError(f"sweep {name!r}: value {int(np.argmin(np.isfinite(points)))} is not a finite number")
        points.setflags(write=False)
        index = self._sweep_index(name, points, unit)
        if any(self._blocks[k].sweep == index for k in self._open):
            raise RequestError(f"sweep {name!r} is inside itself{self._place()}")
        with self._block(BlockKind.SWEEP, sweep=index):
            yield sweep_variable(name)

    def _sweep_index(self, name: str, points: np.ndarray, unit: str) -> int:
        sweep_variable(name)
        for i, row in enumerate(self._sweeps):
            if row.name == name:
                if row.values.tobytes() != points.tobytes() or row.unit != unit:
                    raise RequestError(f"sweep {name!r} already has other values{self._place()}")
                return i
        self._sweeps.append(Sweep(name, points, unit))
        return len(self._sweeps) - 1

    @contextmanager
    def loop(self, count: int | Expression, name: str = "") -> Iterator[None]:
        """Play the block `count` times; a name makes the loop an axis that captures may use."""
        if isinstance(count, Expression):
            self.expression_index(count)
            fields: dict[str, Any] = {"value": count}
        else:
            fields = {"count": self._count(count, "count")}
        with self._block(BlockKind.LOOP, name=name, **fields):
            yield

    @contextmanager
    def if_(self, condition: Any, value: int = 1) -> Iterator[None]:
        """Play the block if a bit (or bits as a number, or an expression) has the value."""
        test = self._tested(condition, value)
        with self._block(BlockKind.IF, value=test):
            yield

    @contextmanager
    def else_(self) -> Iterator[None]:
        """Play the block if the `if_` block that ended just before did not play."""
        last = [b for b in self._blocks if b.end == len(self) - 1 and b.kind is BlockKind.IF]
        if not last:
            raise RequestError(f"else_ does not follow an if_ block{self._place()}")
        with self._block(BlockKind.ELSE):
            yield

    @contextmanager
    def while_(self, condition: Any, value: int = 1, max_count: int | None = None) -> Iterator[None]:
        """Play the block as long as the condition holds, tested before each round."""
        test = self._tested(condition, value)
        count = -1 if max_count is None else self._count(max_count, "max_count")
        with self._block(BlockKind.WHILE, value=test, count=count):
            yield

    @contextmanager
    def repeat_until(self, condition: Any, value: int = 1, max_count: int | None = None) -> Iterator[None]:
        """Play the block until the condition holds, tested after each round."""
        count = -1 if max_count is None else self._count(max_count, "max_count")
        with self._block(BlockKind.REPEAT, count=count) as index:
            yield
            test = self._tested(condition, value)
        row = self._blocks[index]
        self._blocks[index] = Block(row.kind, row.first, row.end, row.count, -1, test)

    @contextmanager
    def box(self, name: str = "") -> Iterator[None]:
        """Keep the block's instructions together in time."""
        with self._block(BlockKind.BOX, name=name):
            yield

    @contextmanager
    def subroutine(self, name: str) -> Iterator[int]:
        """Define a subroutine, played by `call`; its block index is returned."""
        if any(b.kind is BlockKind.CALL and b.name == name for b in self._blocks):
            raise RequestError(f"subroutine {name!r} is there already{self._place()}")
        with self._block(BlockKind.CALL, name=name) as index:
            yield index

    def call(self, name: str) -> None:
        """Play a subroutine that has been defined and ended before."""
        for i, row in enumerate(self._blocks):
            if row.kind is BlockKind.CALL and row.name == name and row.end >= 0:
                self.emit(Op.CALL, 0, i)
                return
        raise RequestError(f"subroutine = {name!r} has not been defined{self._place()}")

    @contextmanager
    def cal(
        self, gate: Op | str, qubits: Sequence[int | str], params: Sequence[str | float] = ()
    ) -> Iterator[tuple[Expression, ...]]:
        """Define the pulses of a gate (or measure, reset) on these qubits; its angles are returned as expressions.

        Parameters
        ----------
        gate : Op or str
            What is calibrated.
        qubits : sequence of int or str
        params : sequence of str or float
            A name for each angle, or the one value that the calibration holds for.
        """
        code = OP_BY_NAME.get(gate) if isinstance(gate, str) else gate
        if code not in GATES and code not in (Op.MEASURE, Op.RESET):
            raise RequestError(f"gate = {gate!r} can't be calibrated{self._place()}")
        assert code is not None
        indices = tuple(self.refuse_qubit(code, q) for q in qubits)
        kept = tuple(p if isinstance(p, str) else float(self.resolve(code, p)) for p in params)
        with self._block(BlockKind.CAL, name=Op(code).name.lower(), qubits=indices, params=kept):
            yield tuple(Expression((("param", p),)) for p in kept if isinstance(p, str))

    def break_(self) -> None:
        """Leave the innermost loop."""
        self.emit(Op.BREAK)

    def continue_(self) -> None:
        """Go on with the next round of the innermost loop."""
        self.emit(Op.CONTINUE)

    def halt(self) -> None:
        """End the shot here."""
        self.emit(Op.HALT)

    def assign(self, name: str | Expression, value: Value) -> None:
        """Set a register."""
        index = self.register_index(name)
        self.emit(Op.ASSIGN, 2, index, self.expression_index(_expression(value)))

    def set_bit(self, bit: int | str, value: Value) -> None:
        """Set a bit."""
        index = self.bit_index(bit)
        self.emit(Op.SET_BIT, 2, index, self.expression_index(_expression(value)))

    def _tested(self, condition: Any, value: int) -> Expression:
        test = self.condition(condition, value)
        self.expression_index(test)
        return test

    def _count(self, value: Any, what: str) -> int:
        try:
            count = -1 if isinstance(value, bool) else operator.index(value)
        except TypeError:
            raise RequestError(f"{what} = {value!r} is not a whole number{self._place()}") from None
        if not 0 <= count < 2**63:
            raise RequestError(f"{what} = {value!r} is outside [0, {2**63 - 1}]{self._place()}")
        return count


def _ended(row: Block, end: int) -> Block:
    return Block(row.kind, row.first, end, row.count, row.sweep, row.value, row.name, row.qubits, row.params)


def _expression(value: Value) -> Expression:
    if isinstance(value, Expression):
        return value
    return Expression((("const", constant_value(value)),))
