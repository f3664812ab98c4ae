"""What fills a generator that is set by messages: by place, what must be there, and what brings it there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.commands import Command
from qctl.instruments.confirm import parsed_int
from qctl.instruments.links.link import Link
from qctl.instruments.messages import Message
from qctl.instruments.steps import StepsBody
from qctl.program.device_program import DeviceProgram

__all__ = ["Family", "Filling", "Numbers", "locked_to", "messages", "setting"]


_UNLOCKED = 1 << 5
"""FREQuency, of the questionable condition: SCPI-99 volume 1, 9."""


class Filling(NamedTuple):
    """What one place of a generator must hold.

    Attributes
    ----------
    place : str
        Where: the name of a parameter, which is read back, or any other place that is overwritten as a whole.
    content : hashable
        What: two fillings of one place with equal contents are the same.
    brought : function
        Returns the messages that bring it there; called only when they are sent.
    memory : str
        For a waveform the memory that it is in, by the name that `Family.cleared` knows.
    n_samples : int
        What it takes of that memory.
    """

    place: str
    content: Hashable
    brought: Callable[[], Iterable[Message]]
    memory: str = ""
    n_samples: int = 0


def setting(place: str, header: str, value: Hashable) -> Filling:
    """Return the filling of a place that one command without a block sets."""
    return Filling(place, value, lambda: [Message(f"{header} {value}")])


def locked_to(link: Link, query: str, word: str) -> bool:
    """Say whether a reference query answers this word, and the box is locked: bit 5 of the questionable condition."""
    if not link.query(query).startswith(word):
        return False
    return not parsed_int(link, link.query("STAT:QUES:COND?"), "the questionable condition") & _UNLOCKED


@dataclass(slots=True)
class Numbers:
    """Numbers of waveforms in boxes without names for them: each keeps its own until its memory is cleared."""

    _held: dict[str, dict[str, int]] = field(default_factory=dict)

    def of(self, memory: str, digest: str) -> int:
        """Return the number of a waveform in a memory, from 1."""
        found = self._held.setdefault(memory, {})
        return found.setdefault(digest, len(found) + 1)

    def clear(self, memory: str) -> None:
        """Forget the numbers of a memory."""
        self._held.pop(memory, None)


class Family(Protocol):
    """The words of generators that are set by messages; stateless, so what is known of a box is the driver's.

    Attributes
    ----------
    commands : tuple of Command
        Parameters; the driver reads ``output{n}_amplitude_vpp`` and ``output{n}_offset_v`` by name.
    body : type of StepsBody
        Of their programs.
    dtype : numpy.dtype
        Of their waveforms.
    identity : tuple of str
        What the first two comma fields of their identity begin with.
    """

    @property
    def commands(self) -> tuple[Command, ...]:
        """Return the declared commands."""
        ...

    @property
    def body(self) -> type[StepsBody]:
        """Return the type of body."""
        ...

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Return the type of waveform samples."""
        ...

    @property
    def identity(self) -> tuple[str, str]:
        """Return the beginnings of maker and model."""
        ...

    def relative(self, words: NDArray[np.generic], body: Any) -> NDArray[np.float64]:
        """Return samples as fractions of half the amplitude, around the offset."""
        ...

    def memories(self, outputs: Collection[int]) -> list[str]:
        """Return the memories of some outputs."""
        ...

    def cleared(self, memory: str) -> list[Message]:
        """Return what deletes all that is in a memory, with its outputs off."""
        ...

    def fillings(self, program: DeviceProgram, numbers: Numbers) -> Iterable[Filling]:
        """Return what the box must hold to play a program, in an order to bring it there."""
        ...

    def stopped(self, outputs: Collection[int]) -> list[str]:
        """Return what stops playing, so that triggers play nothing."""
        ...

    def started(self, body: Any) -> list[str]:
        """Return what waits for triggers at point 0; it may be waiting already."""
        ...

    def selected(self, body: Any, point: int) -> str:
        """Return one message that goes to a point while it waits for triggers."""
        ...

    def switched(self, output: int, on: bool) -> str:
        """Return what switches an output on or off."""
        ...

    def is_on(self, output: int) -> str:
        """Return what asks whether an output is on; the answer is 0 or 1."""
        ...

    def is_locked(self, link: Link, external: bool) -> bool:
        """Say whether the box runs on the reference that it is asked for, and is locked to it."""
        ...

    def reference(self, external: bool) -> list[str]:
        """Return what sets the reference."""
        ...


def messages(family: Family, program: DeviceProgram) -> list[Message]:
    """Return what loads a program into a box that holds nothing, selects point 0 and waits for triggers."""
    body = family.body.from_bytes(program.body)
    sent: list[Message] = [Message(text) for text in family.stopped(body.channels)]
    for memory in family.memories(body.channels):
        sent += family.cleared(memory)
    for filling in family.fillings(program, Numbers()):
        sent += filling.brought()
    switched = [family.switched(n, on=True) for n in body.channels]
    return [*sent, *map(Message, family.started(body)), *map(Message, switched)]
