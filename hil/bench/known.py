"""What a lab has, as far as it can be said before anything is started; and what a scenario names that it has not."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from qctl.hil.bench.steps import Call, EventWanted, Get, Kill, LinkState, Raw, Restart, Set, Step
from qctl.hil.labs.kinds import boxes_of, described, drawn
from qctl.lab import Lab, load_lab
from qctl.lab.decoding import join
from qctl.wire import BODIES, Topic

__all__ = ["SERVER", "Known", "known_of", "lacks"]

SERVER = "server"
"""What a step kills when it kills the bench's own server."""
_OF_INSTRUMENTS = frozenset({Topic.LINK, Topic.LOCK, Topic.VALUE, Topic.LEASE})
_NUMBERED = frozenset({Topic.JOB, Topic.PROGRESS, Topic.ENDED})


@dataclass(frozen=True, slots=True)
class Known:
    """What a lab has.

    Attributes
    ----------
    instruments, processors : tuple of str, or None
        Names; None where only the running lab knows them.
    processes : tuple of str, or None
        What can be killed; None where only the running lab knows it.
    """

    instruments: tuple[str, ...] | None = None
    processors: tuple[str, ...] | None = None
    processes: tuple[str, ...] | None = None


def known_of(virtual: str, seed: int, file: Path | None, record: Path | None) -> Known:
    """Return what a lab has that is a built-in one, a file, a record, or else a server's.

    Raises
    ------
    QctlError
        If there is no such lab, or its lab.toml is wrong.
    """
    if virtual:
        truth = drawn(virtual, seed)
        boxes = boxes_of(truth)
        nowhere = {box: f"TCPIP::127.0.0.1::{1000 * k}::SOCKET" for k, box in enumerate(boxes, start=1)}
        lab = tomllib.loads(described(virtual, truth, nowhere))  # names only: addresses may be of another kind
        return Known(tuple(lab["instruments"]), tuple(lab["processors"]), (*boxes, SERVER))
    if file is not None:
        return _of_lab(load_lab(file), None)
    if record is not None:
        return _of_lab(load_lab(record / "lab.toml"), (SERVER,))
    return Known(processes=())


def _of_lab(lab: Lab, processes: tuple[str, ...] | None) -> Known:
    return Known(tuple(lab.instruments), tuple(lab.processors), processes)


def lacks(known: Known, step: Step, path: str) -> Iterator[tuple[str, str]]:
    """Yield the key and a sentence for each name in a step that the lab has not."""
    named = [*step.expect.undisturbed, *step.expect.link]
    named += [step.instrument] if isinstance(step, Set | Get | Call | Raw) else []
    for name in dict.fromkeys(named):
        if known.instruments is not None and name not in known.instruments:
            yield path, f"this lab has no instrument {name!r}; it has {', '.join(known.instruments)}"
    if known.processes is not None:
        there = ", ".join(known.processes) or "none that this bench has started"
        if isinstance(step, Kill) and step.what and step.what not in known.processes:
            yield f"{path}.what", f"{step.what!r} is no process of this lab that can be killed; there are {there}"
        if isinstance(step, Restart) and SERVER not in known.processes:
            yield path, "the server was not started by this bench, and is not restarted by it"
    if step.expect.event is not None:
        yield from _unsent(known, step.expect.event, f"{path}.expect.event")


def _unsent(known: Known, event: EventWanted, path: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with an event that nobody sends."""
    first, _, rest = event.topic.rstrip(".").partition(".")
    if first not in BODIES:
        yield f"{path}.topic", f"no event is called {first!r}; there are {', '.join(sorted(BODIES))}"
        return
    topic = Topic(first)
    names = known.instruments if topic in _OF_INSTRUMENTS else known.processors if topic is Topic.CALIBRATION else None
    if topic is Topic.SAFE:
        names = ("failed",)
    if topic in _NUMBERED and rest and not (rest.isascii() and rest.isdigit()):
        yield f"{path}.topic", f"nobody sends {event.topic!r}: after {first} comes the number of a job"
    elif rest and names is not None and rest not in names:
        yield f"{path}.topic", f"nobody sends {event.topic!r}: after {first} comes one of {', '.join(names)}"
    for table, keys in (("holds", event.holds), ("words", event.words)):
        for key in keys:
            if key not in BODIES[topic]:
                text = f"events of {first} have no such word; they have {', '.join(BODIES[topic])}"
                yield join(f"{path}.{table}", key), text
    state, states = event.holds.get("state"), get_args(LinkState)
    if topic is Topic.LINK and state is not None and state not in states:
        yield f"{path}.holds.state", f"no link is ever {state!r}; they are {', '.join(states)}"
