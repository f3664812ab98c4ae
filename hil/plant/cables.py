"""Which connector goes where: the cables of a lab, read from its seed file and never from lab.toml."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

__all__ = ["Cables", "DriveLine", "Feedline", "FluxLine", "connector", "load_cables"]


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
    boxes : tuple of str
        Boxes that no cable of the fridge goes to.
    """

    drive: tuple[DriveLine, ...]
    flux: tuple[FluxLine, ...]
    readout: Feedline
    triggers: dict[str, str]
    lo_power_dbm: float = 10.0
    events: dict[str, str] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=dict)
    boxes: tuple[str, ...] = ()


def load_cables(body: bytes) -> Cables:
    """Return the cables that a plant file (JSON) describes."""
    return msgspec.json.decode(body, type=Cables)


def connector(text: str) -> tuple[str, int]:
    """Return the box and number of a connector "awg0:1"."""
    box, _, number = text.partition(":")
    return box, int(number or 1)
