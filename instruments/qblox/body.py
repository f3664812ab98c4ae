"""The body of a Qblox DeviceProgram, as msgpack: what each sequencer plays, acquires and is set to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["Acquisition", "QbloxBody", "Sequencer", "sequence_of", "settings_of", "text_head", "with_programs"]


class Acquisition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a sequencer puts the results of one slot.

    Attributes
    ----------
    index : int
        In acquire.
    n_bins : int
        One a point, or one a point of each shot.
    weights : int
        Index of its weights of I, those of Q come next; -1 integrates without.
    """

    index: int
    n_bins: int
    weights: int = -1


class Sequencer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sequencer of a module.

    Attributes
    ----------
    number : int
        From 0.
    port : str
        Port of lab.toml that it is for.
    outputs, inputs : tuple of int
        Connectors from 1: of I and of Q, or one, which carries both where the mixer is inside; empty where it plays or
        acquires nothing.
    modulated : bool
        Whether the NCO turns what is played, and what is acquired back.
    mixer_gain, mixer_phase_rad : float
        Correction of Q against I.
    offset_v : tuple of float
        Offset of each output, in volts into 50 ohm.
    integration_ns : int
        Length of acquisitions without weights.
    program : str
        Q1ASM.
    waveforms, weights : dict of int to str
        Index → digest of the samples, which are the program's blobs: int16, in 1/32768 of full scale.
    acquisitions : dict of str to Acquisition
        By slot.
    lo_hz, attenuation_db, input_attenuation_db : float, optional
        Settings of the connectors of a module with mixers inside.
    sends : int
        Address of the trigger that each result over the threshold sends; 0 sends none.
    angle_rad, threshold_v : float
        Re(iq exp(-i angle_rad)) above the threshold is over it, iq in volts at the input.
    decides : str
        Slot whose weights that is said of.
    follows : bool
        Whether it plays under conditions on triggers.
    sends_zero : bool
        Whether results that are not over the threshold send it instead.
    inverted : tuple of int
        Addresses that count as set while no trigger has come.
    point_captures : tuple of int
        Captures of each point, where the bins of all shots of a point come before those of the next; else empty.
    """

    number: int
    port: str
    outputs: tuple[int, ...]
    inputs: tuple[int, ...]
    modulated: bool
    mixer_gain: float
    mixer_phase_rad: float
    offset_v: tuple[float, ...]
    integration_ns: int
    program: str
    waveforms: dict[int, str]
    weights: dict[int, str]
    acquisitions: dict[str, Acquisition]
    lo_hz: float | None = None
    attenuation_db: float | None = None
    input_attenuation_db: float | None = None
    sends: int = 0
    angle_rad: float = 0.0
    threshold_v: float = 0.0
    decides: str = ""
    follows: bool = False
    inverted: tuple[int, ...] = ()
    sends_zero: bool = False
    point_captures: tuple[int, ...] = ()


class QbloxBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a module plays and acquires.

    Attributes
    ----------
    sequencers : tuple of Sequencer
        Those that take part; all of them, and those of the processor's other modules, start together.
    n_points, n_shots : int
        Points of one shot, and shots.
    averaged : bool
        Whether a bin is a point, averaged over the shots; otherwise it is one point of one shot.
    period_ns : int
        From the start of a point to that of the next one, on all sequencers.
    triggered : bool
        Whether the sequencers wait for a trigger before each shot, all shots of a point one after the other; otherwise
        they play all points in each shot.
    """

    sequencers: tuple[Sequencer, ...]
    n_points: int
    n_shots: int
    averaged: bool
    period_ns: int
    triggered: bool = False

    @property
    def n_records(self) -> int:
        """Return how many records its results are: one for each shot, or one of their averages."""
        return 1 if self.averaged else self.n_shots

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> QbloxBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)


_NO_PROGRAM = b"\xa7program\xa0"
"""Key and empty value of `program`; no text has these bytes, for the last one would not begin a character."""


def with_programs(body: QbloxBody, programs: Sequence[Sequence[bytes | memoryview]]) -> bytes:
    """Return what `to_bytes` returns of a body whose sequencers have these programs, without a copy of their texts.

    Parameters
    ----------
    body : QbloxBody
        Its sequencers have empty programs.
    programs : sequence of sequence of bytes
        Parts of the Q1ASM of each, in ASCII.
    """
    first, *rest = body.to_bytes().split(_NO_PROGRAM)
    parts: list[bytes | memoryview] = [first]
    for program, behind in zip(programs, rest, strict=True):
        parts += [_NO_PROGRAM[:-1], text_head(sum(map(len, program))), *program, behind]
    return b"".join(parts)


def text_head(n: int) -> bytes:
    """Return what msgpack puts before a text of so many bytes."""
    if n < 32:
        return bytes([0xA0 | n])
    size = 1 if n < 1 << 8 else 2 if n < 1 << 16 else 4
    return bytes([0xD9 + size.bit_length() - 1]) + n.to_bytes(size, "big")


def sequence_of(sequencer: Sequencer, blobs: Mapping[str, NDArray[np.generic]]) -> dict[str, Any]:
    """Return a sequencer's sequence in the vendor's form, ready for JSON: waveforms, weights, acquisitions, program."""

    def samples(table: dict[int, str], letter: str) -> dict[str, Any]:
        return {
            f"{letter}{index}": {"data": (blobs[digest].astype(np.float64) / 32_768).tolist(), "index": index}
            for index, digest in table.items()
        }

    return {
        "waveforms": samples(sequencer.waveforms, "w"),
        "weights": samples(sequencer.weights, "k"),
        "acquisitions": {
            slot: {"num_bins": one.n_bins, "index": one.index} for slot, one in sequencer.acquisitions.items()
        },
        "program": sequencer.program,
    }


_MEMORIES = frozenset(("program", "waveforms", "weights", "acquisitions"))


def settings_of(sequencer: Sequencer) -> dict[str, Any]:
    """Return what a sequencer and its connectors are set to beside its sequence; keys have units."""
    return {key: value for key, value in msgspec.to_builtins(sequencer).items() if key not in _MEMORIES}
