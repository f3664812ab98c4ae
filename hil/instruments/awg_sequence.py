"""The sequence of the emulated AWG5014C: what a trigger plays at each element that waits, and where an event leads.

Source: Tektronix AWG5000 and AWG7000 Series Programmer Manual (077-0061), SEQuence:ELEMent[n]:TWAit, :LOOP:COUNt,
:LOOP:INFinite, :GOTO:STATe, :GOTO:INDex, :JTARget:TYPE, :JTARget:INDex. After the last element comes the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from qctl.hil.instruments.scpi.errors import refusal

__all__ = ["Layout", "Step", "lay_out"]


class Step(NamedTuple):
    """One element's share of what a trigger plays: the waveform's name by output, and how often."""

    names: dict[int, str]
    n_loops: int


class _Element(NamedTuple):
    waits: bool
    n_loops: int
    endless: bool
    next: int
    target: int


class Layout(NamedTuple):
    """A sequence as its triggers and events see it.

    Attributes
    ----------
    points : dict of int to (steps, target)
        By element that waits and is come back to: what is played until then, and where an event leads (0: nowhere).
    problems : dict of int to str
        By other element that waits: why the virtual lab can't play it.
    """

    elements: list[_Element]
    points: dict[int, tuple[tuple[Step, ...], int]]
    problems: dict[int, str]

    def waiting(self, number: int) -> int:
        """Return the element that waits for a trigger once `number` has been entered; 0 when none ever does."""
        for _ in self.elements:
            element = self.elements[number - 1]
            if element.waits:
                return number
            if element.endless:
                return 0
            number = element.next
        return 0

    def check(self, number: int) -> None:
        """Refuse an element that waits and can't be played, or that events lead away from to one that can't.

        Raises
        ------
        RefusedError
            If so.
        """
        seen: set[int] = set()
        while number and number not in seen:
            seen.add(number)
            if number not in self.points:
                why = self.problems.get(number, "is led to by an event and does not wait for the trigger")
                raise refusal(-300, f"the virtual lab can't play element {number}, which {why}")
            number = self.points[number][1]

    def reachable(self) -> dict[int, tuple[tuple[Step, ...], int]]:
        """Return the points, without events that lead astray; `check` lets nobody get there."""
        return {n: (steps, t if t in self.points else 0) for n, (steps, t) in self.points.items()}


def lay_out(
    n_elements: int, values: Mapping[tuple[Any, ...], Any], events: bool, length: Callable[[str], int]
) -> Layout:
    """Return the layout of a sequence.

    Parameters
    ----------
    n_elements : int
        Its length.
    values : mapping of (name, element[, output]) to value
        The settings of the elements that are not at their defaults.
    events : bool
        Whether events make it jump.
    length : callable of str
        Returns the samples of a waveform.
    """
    get = values.get
    elements = []
    for number in range(1, n_elements + 1):
        follower = number % n_elements + 1
        kind = get(("step_jump", number), "OFF") if events else "OFF"
        target = 0 if kind == "OFF" else follower if kind == "NEXT" else get(("step_jump_index", number), 1)
        if get(("step_goto", number), False):
            follower = get(("step_goto_index", number), 1)
        loops = get(("step_loops", number), 1)
        endless = get(("step_infinite", number), False)
        elements.append(_Element(get(("step_wait", number), False), loops, endless, follower, target))
    layout = Layout(elements, {}, {})
    for number, element in enumerate(elements, 1):
        if not element.waits:
            continue
        way = _way(elements, number)
        if way is None:
            layout.problems[number] = "waits and then does not come back to itself"
            continue
        steps = tuple(Step(_names(values, k), elements[k - 1].n_loops) for k in way)
        lengths = [sorted({length(name) for name in step.names.values()}) for step in steps]
        odd = next((found for found in lengths if len(found) != 1), None)
        if odd is None:
            layout.points[number] = (steps, element.target)
        else:
            layout.problems[number] = f"has waveforms of {' and '.join(map(str, odd))} points" if odd else "is empty"
    return layout


def _way(elements: list[_Element], head: int) -> list[int] | None:
    """Return the elements from one that waits until it is come back to; None if it is not."""
    way: list[int] = []
    number = head
    while len(way) < len(elements) and 1 <= number <= len(elements):
        element = elements[number - 1]
        if element.endless or (element.waits and number != head):
            return None
        way.append(number)
        number = element.next
        if number == head:
            return way
    return None


def _names(values: Mapping[tuple[Any, ...], Any], number: int) -> dict[int, str]:
    found = ((output, values.get(("step_waveform", number, output))) for output in range(1, 5))
    return {output: name for output, name in found if name}
