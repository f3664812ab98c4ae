"""Which connector goes where: the cables of a lab, read from its seed file and never from lab.toml."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

__all__ = ["Cables", "DriveLine", "Feedline", "FluxLine", "by_source", "connector", "load_cables"]


@dataclass(frozen=True, slots=True)
class DriveLine:
    """A transmon's microwave line: two outputs into a mixer, and its LO. Connectors read "awg0:1"."""

    i: str
    q: str
    lo: str


@dataclass(frozen=True, slots=True)
class FluxLine:
    """A transmon's flux line: a fast output, and a static one."""

    output: str
    dc: str = ""


@dataclass(frozen=True, slots=True)
class Feedline:
    """The readout line: two outputs into a mixer, the LO of both ways, two inputs."""

    i: str
    q: str
    lo: str
    acquire_i: str
    acquire_q: str


@dataclass(frozen=True, slots=True)
class Cables:
    """All cables of a lab.

    Attributes
    ----------
    drive, flux : tuple
        One entry per transmon.
    readout : Feedline
        Shared by all transmons.
    triggers : dict of str to str
        Box to the trigger box's line that reaches it ("awg0" to "trig0:1").
    lo_power_dbm : float
        LO power at which the mixers have their stated gain.
    events : dict of str to str
        Box to the trigger box's line that reaches its event input.
    slots : dict of str to str
        Module to the chassis and the slot that it sits in ("qcm0" to "cluster0:2").
    delays_s : dict of str to float
        Line ("q0.drive", "q0.flux", "feedline", and "acquire" for the digitizer) to the time from the firing of the
        trigger to time zero of the box at the fridge: what the box needs, and its cables.
    grid_hz : float
        Samples per second at which the fridge is followed; 0 takes the highest rate of the armed generators.
    joined : dict of str to str
        Output to the one whose line it is joined to by a combiner in front of the fridge ("board0:7" to "board0:5");
        the box adds them up.
    beside : tuple of str
        Boxes that no cable of the fridge goes to: thermometry, a register server.
    """

    drive: tuple[DriveLine, ...]
    flux: tuple[FluxLine, ...]
    readout: Feedline
    triggers: dict[str, str]
    lo_power_dbm: float = 10.0
    events: dict[str, str] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=dict)
    delays_s: dict[str, float] = field(default_factory=dict)
    grid_hz: float = 0.0
    joined: dict[str, str] = field(default_factory=dict)
    beside: tuple[str, ...] = ()

    def all_triggers(self) -> dict[str, str]:
        """Return the line that reaches each box; what reaches a chassis reaches the modules in its slots, too."""
        slots = {module: connector(place)[0] for module, place in self.slots.items()}
        return self.triggers | {m: self.triggers[box] for m, box in slots.items() if box in self.triggers}


def load_cables(body: bytes) -> Cables:
    """Return the cables that a plant file (JSON) describes."""
    return msgspec.json.decode(body, type=Cables)


def connector(text: str) -> tuple[str, int]:
    """Return the box and number of a connector "awg0:1"."""
    box, _, number = text.partition(":")
    return box, int(number or 1)


def by_source(cables: Mapping[str, str]) -> dict[tuple[str, int], list[str]]:
    """Return the boxes that each line reaches."""
    reached: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for name, place in cables.items():
        reached[connector(place)].append(name)
    return reached
