"""Arms of branches on measured bits through translation: fences around them, and the condition of each gate between."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from qctl.compiler.steps import Step
from qctl.errors import CompileError
from qctl.program.conditions import Condition
from qctl.program.opcodes import Op

__all__ = ["Arms", "fenced"]

_TIMES = frozenset((Op.DELAY, Op.BARRIER, Op.RESET))
"""What takes the same time whatever was measured."""
_LEAVE = -2
_HALT = Step(Op.HALT)


def fenced(steps: Sequence[Step]) -> list[Step]:
    """Return steps with a halt and a barrier before and behind each arm, on its qubits and those whose bits decide.

    In translation nothing passes a halt, turns about z included, so what stands between two of them is the arm,
    whatever it became. The first `number` qubits of the first barrier are the arm's.
    """
    qubit: dict[int, tuple[int, ...]] = {}
    found: list[Step] = []
    for when, members in groupby(steps, lambda step: None if step.op in _TIMES else step.when):
        arm = [step._replace(when=when) for step in members]
        qubit.update({step.event: step.qubits for step in arm if step.event >= 0})
        own = tuple(dict.fromkeys(q for step in arm for q in step.qubits))
        if when is None or not own:
            found += arm
            continue
        deciding = [q for event in when.captures for q in qubit[event] if q not in own]
        found.append(_HALT)
        found.append(Step(Op.BARRIER, (*own, *dict.fromkeys(deciding)), number=len(own), where=arm[0].where, when=when))
        found += [*arm, _HALT]
        found.append(Step(Op.BARRIER, own, number=_LEAVE, where=arm[0].where, when=when))
    return found


class Arms:
    """Which arm each physical qubit is in, while translated steps are written in order."""

    def __init__(self) -> None:
        self._now: dict[int, Condition] = {}

    def barrier(self, step: Step) -> Step:
        """Take a barrier on physical qubits; return it as it is played."""
        if step.when is None:
            return step
        if step.number == _LEAVE:
            for q in step.qubits:
                self._now.pop(q, None)
        else:
            self._now.update(dict.fromkeys(step.qubits[: step.number], step.when))
        return step._replace(when=None, number=-1)

    def of(self, qubits: Sequence[int], where: int) -> Condition | None:
        """Return the condition of a gate.

        Raises
        ------
        CompileError
            If it joins an arm with what is outside: a swap that routing put in.
        """
        if not self._now:
            return None
        found = {self._now.get(q) for q in qubits}
        if len(found) > 1:
            raise CompileError(
                "a gate on two qubits in an if on measured bits acts on qubits that routing has not brought together: "
                "name coupled qubits, or play a gate on them before",
                instruction=where,
            )
        return found.pop()
