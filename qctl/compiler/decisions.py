"""What a program decides by measured bits: each measurement is a leaf, each decision a table over their outcomes."""

from __future__ import annotations

from collections.abc import Mapping

from qctl.errors import CompileError
from qctl.program.conditions import MOST_BITS, Condition, always
from qctl.program.expressions import Expression, Value

__all__ = ["Decisions", "mixed"]


class Decisions:
    """The measurements of one shot so far, and under which of their outcomes the present instruction is played.

    Attributes
    ----------
    bits : list of str
        Name of the bit that each measurement went into; an empty one of a measurement without a bit.
    when : Condition
        Of the present instruction; its captures are numbers of measurements.
    """

    def __init__(self) -> None:
        self.bits: list[str] = []
        self.when: Condition = always()
        self._leaves: dict[str, int] = {}

    def measured(self, bit: str, i: int, made_always: bool = False) -> tuple[int, Expression]:
        """Return the number of a measurement, and the leaf that its outcome is.

        Raises
        ------
        CompileError
            If it is not made in every shot.
        """
        if not self.when.always and not made_always:
            raise CompileError(
                f"the capture at instruction {i} is made only if {self.text(self.when)}: a result that shots have "
                f"or have not can't be told; measure always, and play the rest by the bit",
                instruction=i,
            )
        number = len(self.bits)
        leaf = f"{bit} of measurement {number}"
        self.bits.append(bit)
        self._leaves[leaf] = number
        return number, Expression((("bit", leaf),))

    def of(self, value: Expression, i: int, word: str) -> Condition:
        """Return when a value is not 0.

        Raises
        ------
        CompileError
            If it depends on anything but measured bits, or on too many of them.
        """
        leaves = value.names("bit")
        if (
            value.names("sweep")
            or value.names("param")
            or value.names("register")
            or not set(leaves) <= set(self._leaves)
        ):
            raise CompileError(
                f"{word} at instruction {i} depends on {value}, which is not known before the run", instruction=i
            )
        if len(leaves) > MOST_BITS:
            raise CompileError(
                f"{word} at instruction {i} depends on {len(leaves)} measured bits, over {MOST_BITS}", instruction=i
            )
        number = {self._leaves[leaf]: leaf for leaf in leaves}

        def holds(states: Mapping[int, int]) -> bool:
            return value.evaluate({number[k]: float(state) for k, state in states.items()}) != 0.0

        return Condition.of(sorted(number), holds)

    def joined(self, condition: Condition, i: int, word: str) -> Condition:
        """Return when an arm is played that is inside the present one.

        Raises
        ------
        CompileError
            If both together depend on too many bits.
        """
        if len({*self.when.captures, *condition.captures}) > MOST_BITS:
            raise CompileError(
                f"{word} at instruction {i} and what is around it depend on over {MOST_BITS} measured bits",
                instruction=i,
            )
        return self.when & condition

    def text(self, condition: Condition) -> str:
        """Return a condition in words."""
        return condition.text([bit or f"measurement {k}" for k, bit in enumerate(self.bits)])


def mixed(test: Expression, taken: Value | None, other: Value | None) -> Value | None:
    """Return the value that something has after arms of a branch: `taken` where the test is not 0, else `other`."""
    if taken == other or taken is None or other is None:
        return taken if taken == other else None
    one = Expression((*test.code, ("const", 0.0), ("ne", None)))
    return _times(one, taken) + _times(Expression((*one.code, ("not", None))), other)


def _times(test: Expression, value: Value) -> Expression:
    code = value.code if isinstance(value, Expression) else (("const", float(value)),)
    return Expression((*test.code, *code, ("mul", None)))
