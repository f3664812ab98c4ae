"""The body of a sequencer's DeviceProgram, as msgpack: its program's blob, shots, and whose photons are stored when."""

from __future__ import annotations

import msgspec
import numpy as np

from qctl.firmware_io.instructions import INSTRUCTION, SequencerProgram
from qctl.program.device_program import DeviceProgram

__all__ = ["Photons", "SequencerBody", "program_of", "text_of"]


class Photons(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One result of a port.

    Attributes
    ----------
    port, slot : str
    columns : tuple of int
        Which of the counts of a shot are its, in order of points and time.
    """

    port: str
    slot: str
    columns: tuple[int, ...]


class SequencerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the sequencer executes.

    Attributes
    ----------
    tick_hz : int
        What its ticks are; the driver refuses a sequencer with others.
    n_shots : int
        Shots of the whole program.
    averaged : bool
        Whether counts are averaged over the shots.
    period_ticks : int
        From shot to shot; each plays all points.
    program : str
        Name of the blob with the instructions: (n,) uint64, each ``op | a << 8 | b << 16 | c << 32``.
    n_counts : int
        Results of one shot.
    photons : tuple of Photons
        Whose they are.
    """

    tick_hz: int
    n_shots: int
    averaged: bool
    period_ticks: int
    program: str
    n_counts: int
    photons: tuple[Photons, ...]

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> SequencerBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)


def program_of(program: DeviceProgram) -> SequencerProgram:
    """Return the instructions of a DeviceProgram; raise msgspec.ValidationError if its body is no sequencer's."""
    body = SequencerBody.from_bytes(program.body)
    words = np.ascontiguousarray(program.blobs[body.program], np.uint64)
    return SequencerProgram(body.tick_hz, words.view(INSTRUCTION))


def text_of(program: DeviceProgram) -> str:
    """Return the instructions of a DeviceProgram as text, with its shots in a comment."""
    body = SequencerBody.from_bytes(program.body)
    return f"# {body.n_shots} shots, one each {body.period_ticks} ticks\n{program_of(program).to_text()}"
