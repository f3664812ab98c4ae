"""Every fault on purpose: its name, what it does, its value, and where it can be set; help and docs are made from it.

Run as a script, it prints the table of docs/faults.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qctl.hil.instruments.models import faults_shown

__all__ = ["KINDS", "FaultKind", "kinds_at", "page"]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault.

    Attributes
    ----------
    name : str
        As it is set.
    place : str
        ``cable``, ``box`` or ``wire``.
    default : object
        Its value when none is given; values are read in this kind.
    unit : str
        Of the value; empty for one that is on or off.
    where : str
        What it can be set on.
    text : str
        What it does.
    chosen : bool
        Whether only some models show it: those whose emulators say so.
    """

    name: str
    place: str
    default: Any
    unit: str
    where: str
    text: str
    chosen: bool = False

    def misplaced(self, on: str, model: str) -> str:
        """Return a sentence if a box of this model does not show it, else an empty text.

        Raises
        ------
        RequestError
            If there is no such model.
        """
        if not self.chosen or self.name in faults_shown(model):
            return ""
        return f"{self.name} is set on {self.where}, and {on} ({model}) is none: nothing would come of it"


_LINE, _ANY, _WIRES = "a line of a fridge", "any instrument", "any instrument, pipes, relays"
_FIRMWARE = "controllers that speak qctl's packets"
KINDS: dict[str, FaultKind] = {
    kind.name: kind
    for kind in (
        FaultKind("inverted_pulse", "cable", 2, "number of the pulse", _LINE, "one pulse is upside down"),
        FaultKind("inverted_i", "cable", True, "", _LINE, "the cable of I is upside down"),
        FaultKind("scale", "cable", 0.5, "ratio", _LINE, "what arrives is so much of what was sent"),
        FaultKind("swap", "cable", "", "other line", _LINE, "two cables change places"),
        FaultKind("lo_shift", "cable", 5e6, "Hz", "a source", "an LO is off by so much"),
        FaultKind("silence", "box", True, "", _WIRES, "no reply is sent; of a digitizer, nothing is ever recorded"),
        FaultKind("unlocked", "box", True, "", "what has a reference", "it is not locked to its reference clock", True),
        FaultKind(
            "lost_event",
            "box",
            True,
            "",
            "generators with an event cable",
            "an event is not noticed",
            True,
        ),
        FaultKind("warm", "box", 0.08, "K", "a refrigerator", "the mixing chamber is so warm", True),
        FaultKind("clock_drift", "box", 500.0, "ppm", "sequencers", "its clock runs faster by so much", True),
        FaultKind("delay", "wire", 0.5, "s", _WIRES, "everything waits so long"),
        FaultKind("late_reply", "wire", 2.0, "s", _WIRES, "the next reply waits so long, later ones behind it"),
        FaultKind("drop", "wire", 1, "replies", _WIRES, "the next replies are never sent"),
        FaultKind("cut", "wire", 8, "bytes", _WIRES, "the connection ends after so many bytes of the next reply"),
        FaultKind("corrupt", "wire", 1, "replies", _WIRES, "the next replies have all bytes inverted but the last"),
        FaultKind("wrong_reply", "wire", "what?", "text", _WIRES, "the next reply is another one"),
        FaultKind("flipped", "wire", 1e-4, "share of bytes", _WIRES, "one bit of each of them is flipped"),
        FaultKind("lost", "wire", 0.01, "share of bytes or datagrams", _WIRES, "they never arrive"),
        FaultKind("doubled", "wire", 0.01, "share of bytes or datagrams", _WIRES, "they arrive twice"),
        FaultKind("reordered", "wire", 0.01, "share of bytes or datagrams", _WIRES, "each changes places with another"),
        FaultKind(
            "torn",
            "wire",
            1e-4,
            "share of bytes or datagrams",
            _WIRES,
            "the connection ends at such a byte; a datagram arrives short",
        ),
        FaultKind("throttle", "wire", 1000.0, "bytes/s", _WIRES, "no more pass"),
        FaultKind(
            "half_open",
            "wire",
            True,
            "",
            _WIRES,
            "the peer is gone without a word: connections are accepted, nothing is read, nothing is said",
        ),
        FaultKind("stalled", "wire", True, "", _WIRES, "the box stops reading, until its buffers and ours are full"),
        FaultKind("power_cycle", "wire", 1.0, "s", _ANY, "it is off so long: connections end, settings are lost"),
        FaultKind("brown_out", "wire", 1000, "bytes", _ANY, "its power fails for 0.5 s once so many more came in"),
        FaultKind(
            "reset_at",
            "wire",
            "*IDN?",
            "text or kind of packet",
            _ANY,
            "its power fails for 0.5 s at the next such message, which it does not carry out",
        ),
        FaultKind(
            "renamed",
            "wire",
            0.5,
            "s",
            "serial instruments",
            "it is unplugged so long and comes back at a port with another name",
            True,
        ),
        FaultKind(
            "full_buffer",
            "box",
            True,
            "",
            "what keeps waveforms or programs",
            "it has no memory left for what is sent",
            True,
        ),
        FaultKind(
            "firmware",
            "box",
            "0.1",
            "revision",
            "SCPI boxes, controllers",
            "it says that it runs this firmware",
            True,
        ),
        FaultKind("protocol", "box", "2", "version", _FIRMWARE, "it speaks this version of the protocol alone", True),
    )
}


def kinds_at(place: str) -> dict[str, Any]:
    """Return the faults of cables, boxes or the wire with their usual values."""
    return {kind.name: kind.default for kind in KINDS.values() if kind.place == place}


def page() -> str:
    """Return the table in Markdown."""
    lines = ["| fault | value | usual | set on | what happens |", "|---|---|---|---|---|"]
    for kind in KINDS.values():
        usual = "" if kind.default == "" else f"`{str(kind.default).lower() if kind.default is True else kind.default}`"
        lines.append(f"| `{kind.name}` | {kind.unit or 'on or off'} | {usual} | {kind.where} | {kind.text} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(page())
