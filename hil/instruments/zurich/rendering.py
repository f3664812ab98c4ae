"""From what a sequencer did in a shot to the samples of its outputs, and to what its integrators weigh.

Source: SHFSG user manual, Digital modulation (the four gains of an entry; upper sideband +A, -A, +A, +A), SHFQA user
manual, Readout pulse generator and integration; LabOne Q manual, Phase of pulses (HDAWG with its modulation mode for
mixers: V1 + iV2 turns with exp(-i ...)). When oscillators start after ``resetOscPhase`` is written nowhere; here they
do at the play that it takes effect with. Input and results are in volts, which is an estimate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.instruments.zurich.device import Device, Sequencer
from qctl.hil.instruments.zurich.sequence import ENTRY, START, WAVE, executed

__all__ = [
    "Track",
    "Window",
    "carrier_of",
    "full_scale_vpp",
    "heard",
    "is_turned",
    "rendered",
    "track_of",
    "windows_of",
]

_MIXER = 6


class Track(NamedTuple):
    """What a sequencer did.

    Attributes
    ----------
    device, sequencer : Device, Sequencer
        Whose.
    rows : (n,) ROW
        In order, times from the trigger before.
    since : (n,) int64
        Samples since the oscillators began anew.
    lengths : (n,) int64
        How long each row is heard or integrates, in samples.
    """

    device: Device
    sequencer: Sequencer
    rows: NDArray
    since: NDArray[np.int64]
    lengths: NDArray[np.int64]


class Window(NamedTuple):
    """One integration: its row, its first sample in the shot, and (n_integrators, n_samples) weights by integrator."""

    row: int
    first: int
    weights: dict[int, NDArray[np.complex128]]


def track_of(device: Device, one: Sequencer) -> Track:
    """Execute a sequencer's program.

    Raises
    ------
    RequestError
        If it can't be executed.
    """
    assert one.script is not None
    script = one.script
    by_names = {tuple(name for _, name in found): index for index, found in script.indices.items()}

    def wave_of(names: tuple[str, ...]) -> int:
        if names not in by_names:
            raise RequestError(f"no index was assigned to {', '.join(names)}")
        return by_names[names]

    rows = executed(script, one.entry_samples(), wave_of, one.kind != "uh")
    lengths = rows["length"].copy()
    starts = rows["operation"] == START
    if one.reads and starts.any():
        longest = {k: len(wave) for k, wave in one.slots.items()}
        begin, n = _integration(device, one)
        for mask in np.unique(rows["a"][starts]).tolist():
            played = max((length for k, length in longest.items() if mask >> k & 1), default=0)
            lengths[starts & (rows["a"] == mask)] = played
        lengths[starts & (rows["b"] != 0)] = np.maximum(lengths[starts & (rows["b"] != 0)], begin + n)
    return Track(device, one, rows, np.zeros(len(rows), np.int64), lengths)


def is_turned(track: Track) -> bool:
    """Say whether oscillators turn what a sequencer plays."""
    one, tree = track.sequencer, track.device.tree
    if one.kind == "sg":
        return bool(tree.value(f"{one.place}/modulation/enable"))
    return one.kind == "hd" and tree.value(f"{one.place}/outputs/0/modulation/mode") == _MIXER


def _integration(device: Device, one: Sequencer) -> tuple[int, int]:
    """Return the samples from startQA to the integration, and its length."""
    length = int(device.tree.value(f"{one.reads}/integration/length"))
    if one.kind == "uh":
        return int(device.tree.value(f"{one.reads}/delay")), length
    return round(float(device.tree.value(f"{one.reads}/integration/delay")) * device.rate_hz), length


def full_scale_vpp(device: Device, one: Sequencer, output: int) -> float:
    """Return the peak-to-peak volts into 50 ohm of one output of a sequencer."""
    if one.kind == "hd":
        return float(device.tree.value(f"sigouts/{2 * one.number + output}/range"))
    if one.kind == "uh":
        return 2 * float(device.tree.value(f"sigouts/{output}/range"))
    channel = "sgchannels" if one.kind == "sg" else "qachannels"
    power_dbm = float(device.tree.value(f"{channel}/{one.number}/output/range"))
    return float(2 * math.sqrt(2 * 50 * 1e-3 * 10 ** (power_dbm / 10)))


def carrier_of(device: Device, one: Sequencer) -> float:
    """Return the centre frequency of a channel that is up-converted; 0 of another one."""
    if one.kind == "sg":
        # The first synthesizer of an SHFQC is that of its readout channel.
        synthesizer = one.number // 2 + (device.kind.n_qa > 0)
        return float(device.tree.value(f"synthesizers/{synthesizer}/centerfreq"))
    return float(device.tree.value(f"qachannels/{one.number}/centerfreq")) if one.kind == "qa" else 0.0


def heard(device: Device, one: Sequencer) -> tuple[bool, bool]:
    """Return which of a sequencer's two outputs (or I and Q) are switched on."""
    if one.kind in ("hd", "uh"):
        first, second = (bool(device.tree.value(f"sigouts/{2 * one.number + k}/on")) for k in (0, 1))
        return first, second
    channel = "sgchannels" if one.kind == "sg" else "qachannels"
    on = bool(device.tree.value(f"{channel}/{one.number}/output/on"))
    return on, on


def rendered(
    track: Track, low: int, high: int, origin: int, n: int, chosen: Mapping[int, int] = MappingProxyType({})
) -> NDArray[np.float64]:
    """Return the first n samples of rows from `low` to `high`: (2, n) of I and Q or both outputs, in full scale.

    Parameters
    ----------
    origin : int
        Sample in which the shot begins.
    chosen : mapping of int to int
        Entry of each row that was chosen by results; others of these play nothing.
    """
    out = np.zeros((2, n))
    one, tree = track.sequencer, track.device.tree
    for k in range(low, high):
        row = track.rows[k]
        at, operation = int(row["time"]) - origin, int(row["operation"])
        if operation == START and one.kind == "qa":
            for slot, wave in one.slots.items():
                if int(row["a"]) >> slot & 1:
                    _add(out, at, np.stack([wave.real, wave.imag]))
        elif operation in (ENTRY, WAVE) or k in chosen:
            found = _played(track, row, int(track.since[k]), chosen.get(k))
            if found is not None:
                _add(out, at, found)
    if one.kind == "sg":
        out *= float(tree.value(f"{one.place}/outputamplitude"))
    return out


def _add(out: NDArray[np.float64], at: int, played: NDArray[np.float64]) -> None:
    """Add what is played from a sample on, as far as it is rendered."""
    n = min(played.shape[1], out.shape[1] - at)
    if n > 0:
        out[:, at : at + n] += played[:, :n]


def _played(track: Track, row: np.void, since: int, chosen: int | None) -> NDArray[np.float64] | None:
    """Return what one entry or waveform puts out, (2, n)."""
    one, tree = track.sequencer, track.device.tree
    gains: tuple[float, ...] = (1.0, -1.0, 1.0, 1.0) if one.kind == "sg" else (1.0, 1.0)
    phases: tuple[float, ...]
    wave, phases, oscillator = int(row["a"]), (0.0, 0.0), -1
    if row["operation"] == ENTRY or chosen is not None:
        entry = one.table[int(row["a"]) if chosen is None else chosen]
        if entry.wave is None:
            return None
        wave, gains, phases, oscillator = entry.wave, entry.gains, entry.phases_degree, entry.oscillator
    samples = one.waves.get(wave)
    if samples is None or one.script is None:
        return None
    w = np.zeros((2, len(samples)))
    for column, (channels, _) in enumerate(one.script.indices[wave]):
        place = column if len(channels) != 1 else channels[0] - 1
        w[place] = samples[:, column]
    index = since + np.arange(len(samples))
    if one.kind == "sg":
        theta = np.full(len(samples), math.radians(phases[0]))
        if tree.value(f"{one.place}/modulation/enable"):
            if oscillator < 0:
                oscillator = int(tree.value(f"sgchannels/{one.number}/sines/0/oscselect"))
            hz = float(tree.value(f"sgchannels/{one.number}/oscs/{oscillator}/freq"))
            theta += 2 * np.pi * np.mod(hz / track.device.rate_hz * index, 1.0)
        cos, sin = np.cos(theta), np.sin(theta)
        return np.stack([gains[0] * w[0] * cos + gains[1] * w[1] * sin, gains[2] * w[0] * sin + gains[3] * w[1] * cos])
    if one.kind == "uh":
        own = np.array([[float(tree.value(f"{one.place}/outputs/{k}/amplitude"))] for k in (0, 1)])
        return np.asarray(w * own)
    w *= np.array(gains)[:, None]
    if tree.value(f"{one.place}/outputs/0/modulation/mode") == _MIXER:
        hz = float(tree.value(f"oscs/{int(tree.value(f'sines/{2 * one.number}/oscselect'))}/freq"))
        turns = np.mod(hz / track.device.rate_hz * index, 1.0)
        if row["operation"] == WAVE:
            phases = tuple(float(tree.value(f"sines/{2 * one.number + k}/phaseshift")) for k in (0, 1))
        # Sine generators of 90 and 0 degrees: a cosine and a sine.
        cos, sin = (np.sin(2 * np.pi * turns + math.radians(phase)) for phase in phases)
        w = np.stack([w[0] * cos + w[1] * sin, w[1] * cos - w[0] * sin])
    matrix = [[float(tree.value(f"{one.place}/outputs/{m}/gains/{k}")) for k in (0, 1)] for m in (0, 1)]
    return np.array(matrix) @ w


def windows_of(track: Track, low: int, high: int, origin: int) -> list[Window]:
    """Return what a readout channel integrates in a shot."""
    one, found = track.sequencer, []
    begin, length = _integration(track.device, one)
    for k in range(low, high):
        row = track.rows[k]
        if row["operation"] == START and row["b"]:
            weights = {}
            for index in range(16):
                if int(row["b"]) >> index & 1:
                    full = np.zeros(length, np.complex128)
                    given = one.weights.get(index, np.empty(0, np.complex128))[:length]
                    full[: len(given)] = given
                    weights[index] = _one_number(track.device, index, full) if one.kind == "uh" else full
            found.append(Window(k, int(row["time"]) - origin + begin, weights))
    return found


def _one_number(device: Device, index: int, given: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return weights whose complex sum has an integrator's result, of a UHFQA, as its real part.

    Its sums, of one input with the real weights and of the other one with the imaginary ones, are one complex number,
    which is multiplied with the rotation; what is logged is the real part.

    Raises
    ------
    RequestError
        If it logs something else.
    """
    tree = device.tree
    if index > 9 or tree.value("qas/0/result/source") != 2 or tree.value("qas/0/integration/mode"):
        raise RequestError(f"integrator {index} logs what is not emulated: rotated sums are, of integrators 0 to 9")
    rotation = complex(tree.value(f"qas/0/rotations/{index}"))
    first, second = rotation.real * given.real, -rotation.imag * given.imag
    if tree.value(f"qas/0/integration/sources/{index}"):
        first, second = second, first
    on = [float(tree.value(f"sigins/{k}/on")) for k in (0, 1)]
    return np.asarray(first * on[0] - 1j * second * on[1])
