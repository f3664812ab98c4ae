"""Plays a sequence in Pulser's abstract representation on paper: what each channel does, nanosecond by nanosecond.

Operations follow each other on a channel; pulses of the protocol ``no-delay`` start when their channel is free,
whatever others do. A local channel points at an atom for at least its retarget interval before it moves on.

Source: pulser-core 1.9.1, `pulser/json/abstract_repr/schemas/` (sequence, device; version 1) and docs of
``Sequence.add`` (protocols), ``Sequence.target`` and ``Channel`` (min_retarget_interval, fixed_retarget_t,
clock_period).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.instruments.atom_register.numbers import Variables, number, waveform, whole
from qctl.hil.physics.atom_drives import Channel

__all__ = ["Played", "Sequence", "read_sequence"]

_TRANSITIONS = {"ground-rydberg": "rydberg", "digital": "raman"}
_BASES = {"rydberg": "ground-rydberg", "raman": "digital"}
_MOST_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class _Kind:
    """A channel of the device."""

    basis: str
    local: bool
    clock_ns: int = 1
    least_ns: int = 1
    retarget_ns: int = 0
    fixed_ns: int = 0
    max_amplitude: float | None = None
    max_detuning: float | None = None


@dataclass(slots=True)
class _State:
    """A channel while a sequence is played: its pieces, when it is free, and where it points since when."""

    kind: _Kind
    pieces: list[tuple[int, NDArray[np.float64]]] = field(default_factory=list)
    aims: list[tuple[int, int]] = field(default_factory=list)
    free: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What a sequence does with values for its variables."""

    channels: tuple[Channel, ...]
    length_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A sequence that was read.

    Attributes
    ----------
    names : tuple of str
        Of the atoms.
    positions_m : (n_atoms, 2) float64
    measurement : str
        ``ground-rydberg`` or ``digital``.
    """

    names: tuple[str, ...]
    positions_m: NDArray[np.float64]
    measurement: str
    kinds: Mapping[str, tuple[str, _Kind]]
    operations: tuple[Mapping[str, Any], ...]

    def play(self, variables: Variables, least_ns: int = 0) -> Played:
        """Return what every channel does.

        Raises
        ------
        RequestError
            If an operation can't be played, by its number.
        """
        states = {name: _State(kind) for name, (_, kind) in self.kinds.items()}
        phases: dict[tuple[str, int], float] = {}
        for place, operation in enumerate(self.operations):
            try:
                self._operate(operation, states, phases, variables)
            except (RequestError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
                words = error.message if isinstance(error, RequestError) else repr(error)
                raise RequestError(f"operation {place} ({operation.get('op')}): {words}") from error
        length = max([least_ns, *(state.free for state in states.values())])
        if length > _MOST_NS:
            raise RequestError(f"the sequence lasts {length} ns, over {_MOST_NS}")
        return Played(tuple(_channel(self.kinds[name][0], state, length) for name, state in states.items()), length)

    def _operate(
        self, operation: Mapping[str, Any], states: dict[str, _State], phases: dict[tuple[str, int], float],
        variables: Variables,
    ) -> None:  # fmt: skip
        kind = operation["op"]
        if kind == "phase_shift":
            for target in operation["targets"]:
                key = operation["basis"], whole(target, variables)
                phases[key] = phases.get(key, 0.0) + number(operation["phi"], variables)
            return
        state = states[operation["channel"]] if kind != "align" else None
        if kind == "align":
            free = max(states[name].free for name in operation["channels"])
            for name in operation["channels"]:
                states[name].free = free
        elif state is not None and kind == "delay":
            state.free += _on_clock(whole(operation["time"], variables), state.kind)
        elif state is not None and kind == "target":
            self._aim(state, whole(operation["target"], variables))
        elif state is not None and kind == "pulse":
            self._pulse(operation, state, len(states), phases, variables)
        else:
            raise RequestError("is not played")

    def _aim(self, state: _State, target: int) -> None:
        if not state.kind.local or target >= len(self.names):
            raise RequestError(f"it can't point at atom {target}")
        if state.aims:
            last, since = state.aims[-1]
            if last == target:
                return
            pause = max(state.kind.retarget_ns - (state.free - since), state.kind.fixed_ns, 0)
            state.free += -(-pause // state.kind.clock_ns) * state.kind.clock_ns
        state.aims.append((target, state.free))

    def _pulse(
        self, operation: Mapping[str, Any], state: _State, n_channels: int, phases: dict[tuple[str, int], float],
        variables: Variables,
    ) -> None:  # fmt: skip
        if operation.get("protocol") != "no-delay" and n_channels > 1:
            raise RequestError(f"protocol {operation.get('protocol')!r} is not played; no-delay is")
        if state.kind.local and not state.aims:
            raise RequestError("its channel points at no atom yet")
        amplitude = waveform(operation["amplitude"], variables)
        detuning = waveform(operation["detuning"], variables)
        if len(amplitude) != len(detuning):
            raise RequestError(f"{len(amplitude)} ns of amplitude and {len(detuning)} ns of detuning")
        if len(amplitude) < state.kind.least_ns or len(amplitude) % state.kind.clock_ns:
            raise RequestError(f"{len(amplitude)} ns are under {state.kind.least_ns}, or off the clock")
        for values, most, what in (
            (amplitude, state.kind.max_amplitude, "amplitude"), (detuning, state.kind.max_detuning, "detuning"),
        ):  # fmt: skip
            if most is not None and np.abs(values).max() > most * (1 + 1e-9):
                raise RequestError(f"{what} of {np.abs(values).max():g} rad/us is over {most:g}")
        if (amplitude < 0).any():
            raise RequestError("amplitude below 0")
        targets = [state.aims[-1][0]] if state.kind.local else list(range(len(self.names)))
        phase = number(operation["phase"], variables) + phases.get((state.kind.basis, targets[0]), 0.0)
        state.pieces.append((state.free, np.stack([amplitude * 1e6, detuning * 1e6, np.full(len(amplitude), phase)])))
        state.free += len(amplitude)
        shift = number(operation.get("post_phase_shift", 0.0), variables)
        for target in targets if shift else ():
            key = state.kind.basis, target
            phases[key] = phases.get(key, 0.0) + shift


def _on_clock(time_ns: int, kind: _Kind) -> int:
    if time_ns % kind.clock_ns or 0 < time_ns < kind.least_ns:
        raise RequestError(f"{time_ns} ns are under {kind.least_ns}, or off the clock of {kind.clock_ns} ns")
    return time_ns


def _channel(name: str, state: _State, length: int) -> Channel:
    samples = np.zeros((3, length))
    for start, piece in state.pieces:
        samples[:, start : start + piece.shape[1]] = piece
    target = np.full(length, -1, np.int16)
    for atom, since in state.aims:
        target[0 if atom == state.aims[0][0] and since == state.aims[0][1] else since :] = atom
    return Channel(name, _TRANSITIONS[state.kind.basis], samples[0], samples[1], samples[2], target)


def read_sequence(text: bytes) -> Sequence:
    """Return the sequence that JSON describes.

    Raises
    ------
    RequestError
        If it is none, or has parts that are not played.
    """
    try:
        found = json.loads(text)
        if found["version"] != "1":
            raise RequestError(f"version {found['version']!r} is not 1")
        names = tuple(str(atom["name"]) for atom in found["register"])
        positions_m = np.array([[atom["x"], atom["y"]] for atom in found["register"]], float).reshape(-1, 2) * 1e-6
        kinds = {str(name): (str(of), _kind(found["device"], of)) for name, of in found["channels"].items()}
        measurement = found.get("measurement") or "ground-rydberg"
        operations = tuple(found["operations"])
        for operation in operations:
            if operation["op"] in ("target", "delay", "pulse") and operation["channel"] not in kinds:
                raise RequestError(f"there is no channel {operation['channel']!r}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RequestError(f"this is no sequence of version 1: {error!r}") from error
    if measurement not in _TRANSITIONS or not len(names) or not np.isfinite(positions_m).all():
        raise RequestError(f"{len(names)} atoms, measured in {measurement!r}")
    return Sequence(names, positions_m, measurement, kinds, operations)


def _kind(device: Any, identity: str) -> _Kind:
    """Return a channel of a device, which is described in full or is one of Pulser's by name."""
    if isinstance(device, dict):
        for one in device["channels"]:
            if one["id"] == identity:
                if one["basis"] not in _TRANSITIONS:
                    break
                return _Kind(
                    one["basis"], one["addressing"] == "Local", int(one.get("clock_period") or 1),
                    int(one.get("min_duration") or 1), int(one.get("min_retarget_interval") or 0),
                    int(one.get("fixed_retarget_t") or 0), one.get("max_amp"), one.get("max_abs_detuning"),
                )  # fmt: skip
        raise RequestError(f"the device has no channel {identity!r} that is played")
    word, _, reach = identity.partition("_")
    if word not in _BASES or reach not in ("global", "local"):
        raise RequestError(f"channel {identity!r} of {device} is not played")
    return _Kind(_BASES[word], reach == "local")
