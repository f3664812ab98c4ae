"""Lower straights on beams to Pulser's abstract representation: what differs from point to point is a variable.

Source: pulser-core 1.9.1, `pulser/json/abstract_repr/schemas/sequence-schema.json` (version 1).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from qctl.errors import CompileError
from qctl.instruments.atoms.body import AtomMove, Picture, PulserBody, PulserSequence
from qctl.instruments.atoms.capabilities import TABLES
from qctl.instruments.atoms.devices import Channel, Device, described, device_of
from qctl.instruments.checker import check_number
from qctl.instruments.rounding import TIME_TOLERANCE_S
from qctl.lab import Instrument, Lab
from qctl.lab.atom import AtomProcessor
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.sampling import envelope_samples
from qctl.program.straights import Straights, joined
from qctl.program.timeline import Shots, Straight
from qctl.units import rational_hz

__all__ = ["lower"]

_RAD_PER_US = 2e-6 * np.pi
_NS = rational_hz(1e9)


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one device.

    Starts and ends are rounded to the clock of their channel, each by itself, so that errors don't add up; a
    length that is more than `TIME_TOLERANCE_S` off that clock is refused.

    Raises
    ------
    CompileError
        If atoms, pulses or lengths are outside what the device takes.
    """
    device = device_of(instrument.model)
    flat = joined(straights)
    work = _Work(flat, instrument, lab, device)
    groups: dict[str, list[tuple[int, list[float]]]] = {}
    for point in range(len(flat)):
        operations, numbers = work.point(point)
        groups.setdefault(json.dumps(operations), []).append((point, numbers))
    sequences = tuple(work.sequence(text, members, shots) for text, members in groups.items())
    body = PulserBody(sequences, len(flat), shots.n_shots, shots.period_s, work.pictures(shots))
    usage = [Usage("atoms", len(work.processor.qubits), device.max_atoms or 10_000)]
    if device.max_ns is not None:
        usage.append(Usage("ns of a sequence", work.longest_ns, device.max_ns))
    if device.max_shots is not None:
        usage.append(Usage("runs", shots.n_shots, device.max_shots))
    return DeviceProgram(instrument.name, instrument.model, body.to_bytes(), {}, len(flat), tuple(usage))


class _Play(NamedTuple):
    """One play on the device's clock."""

    channel: Channel
    start: int
    end: int
    target: int
    amplitude: float
    detuning: float
    phase: float
    shape: np.ndarray | None
    label: str


class _Work:
    """The state while one device's program is lowered."""

    def __init__(self, flat: Straights, instrument: Instrument, lab: Lab, device: Device) -> None:
        self.flat, self.instrument, self.device = flat, instrument, device
        self.can = TABLES[instrument.model]
        self.longest_ns = 0
        processor = next(
            (
                p
                for p in lab.processors.values()
                if any(port.name == f.name for f in flat.ports for port in lab.ports_of(p.name))
            ),
            None,
        )
        if not isinstance(processor, AtomProcessor):
            raise CompileError(f"{instrument.name} ({instrument.model}) is no instrument of a processor of atoms")
        self.processor = processor
        self.channels: dict[int, tuple[str, Channel]] = {}
        for k, clock in enumerate(flat.ports):
            port = lab.port(clock.name)
            for ref in port.outputs:
                if ref.instrument == instrument.name:
                    if processor.beam[port.target].purpose == "trap":
                        continue  # tweezers have no channel
                    if not 1 <= ref.output <= len(device.channels):
                        raise CompileError(
                            f"{instrument.name}: output {ref.output} of {port.name} is none of the "
                            f"{len(device.channels)} channels of {device.name}"
                        )
                    self.channels[k] = port.target, device.channels[ref.output - 1]
        self._check_register()

    def _check_register(self) -> None:
        names = self.processor.qubits
        spots = np.array([self.processor.qubit[name].position_m[:2] for name in names]) * 1e6
        middle = spots.mean(axis=0)
        most, least = self.device.max_radius_um, self.device.min_distance_um
        for k, name in enumerate(names):
            radius = float(np.hypot(*(spots[k] - middle)))
            if most is not None and radius > most * (1 + 1e-9):
                raise CompileError(
                    f"{name} is {radius:.4g} um from the middle, over the {most:g} um of {self.device.name}; move it "
                    f"in position_m"
                )
            apart = np.hypot(*(spots[:k] - spots[k]).T)
            if least is not None and k and apart.min() < least * (1 - 1e-9):
                raise CompileError(
                    f"{name} is {apart.min():.4g} um from {names[int(apart.argmin())]}, under the {least:g} um of "
                    f"{self.device.name}; move it in position_m"
                )

    # --- one point ----------------------------------------------------------------------------------

    def point(self, point: int) -> tuple[list[dict[str, Any]], list[float]]:
        """Return the operations of a point with its numbers taken out, and the numbers in their order."""
        numbers: list[float] = []
        plays = sorted(self._plays(point), key=lambda play: play.start)
        at: dict[str, int] = {}
        aim: dict[str, tuple[int, int]] = {}
        operations: list[dict[str, Any]] = []

        def number(value: float, whole: bool = False) -> list[Any]:
            numbers.append(value)
            return ["int" if whole else "float", len(numbers) - 1]

        for play in plays:
            name = play.channel.name
            free = at.get(name, 0)
            target, since = aim.get(name, (-1, -play.channel.retarget_ns))
            if play.channel.local and target != play.target:
                operations.append({"op": "target", "channel": name, "target": play.target})
                # The device moves on when it has pointed at the last atom for long enough.
                free = max(free, since + play.channel.retarget_ns)
                aim[name] = play.target, free
            gap = play.start - free
            if gap < 0:
                raise CompileError(
                    f"{play.label} starts {-gap} ns before channel {name} of {self.instrument.name} is free: it takes "
                    f"{play.channel.retarget_ns} ns from atom to atom, which retarget_s of its beam must say"
                )
            if gap:
                if gap < play.channel.min_ns:
                    raise CompileError(
                        f"{play.label} starts {gap} ns after channel {name} of {self.instrument.name} is free; the "
                        f"shortest pause is {play.channel.min_ns} ns: leave none, or a longer one"
                    )
                operations.append({"op": "delay", "channel": name, "time": number(gap, True)})
            length = play.end - play.start
            shape: dict[str, Any]
            if play.shape is None:
                shape = {"kind": "constant", "duration": number(length, True), "value": number(play.amplitude)}
            else:
                shape = {"kind": "custom", "samples": (play.shape * play.amplitude).tolist()}
            detuned = {"kind": "constant", "duration": shape.get("duration", length), "value": number(play.detuning)}
            operations.append(
                {
                    "op": "pulse", "channel": name, "protocol": "no-delay", "amplitude": shape, "detuning": detuned,
                    "phase": number(play.phase), "post_phase_shift": 0.0,
                }
            )  # fmt: skip
            at[name] = play.end
            self.longest_ns = max(self.longest_ns, play.end)
        return operations, numbers

    def _plays(self, point: int) -> list[_Play]:
        found = []
        straight = self.flat[point]
        targets = self.flat.targets_of(point)
        for k, row in enumerate(straight.plays):
            if int(row["port"]) not in self.channels:
                continue
            beam, channel = self.channels[int(row["port"])]
            waveform = straight.waveforms[int(row["waveform"])]
            label = straight.labels[k]
            names = [self.processor.qubits[q] for q in targets[k]]
            if channel.local != bool(names):
                word, other = ("local", "global") if channel.local else ("global", "local")
                raise CompileError(
                    f"{label}: channel {channel.name} of {self.instrument.name} is {word}, "
                    f"beam {beam} is {other} in lab.toml"
                )
            start_ns, length_ns = int(row["start"]), float(cast(float, waveform.duration_s)) * 1e9
            start, end = _on_clock(start_ns, channel.clock_ns), _on_clock(start_ns + length_ns, channel.clock_ns)
            nearest_ns = _on_clock(length_ns, channel.clock_ns)
            fits = abs(length_ns - nearest_ns) <= TIME_TOLERANCE_S * 1e9
            asked_ns = nearest_ns if fits else round(length_ns, 3)
            check_number(self.can, f"channels.{channel.name}.length", asked_ns, label)
            amplitude = float(row["amplitude"]) * self.processor.rabi_hz_per_v(beam, names) * _RAD_PER_US
            detuning, phase = float(row["frequency_hz"]) * _RAD_PER_US, float(row["phase_rad"])
            if amplitude < 0:
                amplitude, phase = -amplitude, phase + np.pi
            shape = None
            if waveform.kind != "constant":
                shape = self._shape(waveform, end - start, label)
            self._check(label, channel, amplitude * (1.0 if shape is None else float(shape.max(initial=0))), detuning)
            found.append(
                _Play(
                    channel, start, end, targets[k][0] if targets[k] else -1, amplitude, detuning,
                    float(np.mod(phase, 2 * np.pi)), shape, label,
                )
            )  # fmt: skip
        return found

    def _shape(self, waveform: Any, n: int, label: str) -> np.ndarray:
        samples = envelope_samples(waveform, _NS)
        if samples.imag.any() or (samples.real < 0).any():
            raise CompileError(f"{label}: its envelope is complex or below 0; Pulser's amplitudes are neither")
        if len(samples) != n:
            raise CompileError(
                f"{label} has {len(samples)} samples of 1 ns, {n} on the device's clock; make its length a multiple"
            )
        return samples.real

    def _check(self, label: str, channel: Channel, amplitude: float, detuning: float) -> None:
        for what, value, most in (
            ("Rabi frequency", amplitude, channel.max_amplitude),
            ("detuning", abs(detuning), channel.max_detuning),
        ):
            if not np.isfinite(value) or (most is not None and value > most * (1 + 1e-12)):
                raise CompileError(
                    f"{label}: its {what} of {value:.9g} rad/us is over the {most:.9g} rad/us of channel "
                    f"{channel.name} of {self.device.name}: make it weaker and longer"
                )

    def moves(self, point: int) -> tuple[AtomMove, ...]:
        """Return the moves of a point."""
        rows = self.flat.moves_of(point)
        if len(rows) and not self.device.moves:
            name = self.processor.qubits[int(rows[0]["atom"])]
            raise CompileError(
                f"shuttle of {name}: {self.device.name} of {self.instrument.name} can't move atoms; put them where "
                f"they should be in position_m, or use a device with tweezers"
            )
        found = []
        for row in rows:
            x_um, y_um = float(row["x_m"]) * 1e6, float(row["y_m"]) * 1e6
            name = self.processor.qubits[int(row["atom"])]
            lasts_ns = int(row["end"]) - int(row["start"])
            check_number(self.can, "channels.tweezers.length", lasts_ns, f"shuttle of {name}")
            found.append(AtomMove(int(row["atom"]), int(row["start"]), int(row["end"]), x_um, y_um))
            self.longest_ns = max(self.longest_ns, int(row["end"]))
        return tuple(found)

    # --- pictures -----------------------------------------------------------------------------------

    def pictures(self, shots: Shots) -> tuple[Picture, ...]:
        """Return the results of this device: their columns are the captures of each point, program after program."""
        found: dict[tuple[str, str], list[tuple[int, int]]] = {}
        own = [spec for spec in shots.captures if spec.instrument == self.instrument.name]
        for key in dict.fromkeys((spec.port, spec.slot) for spec in own):
            specs = [spec for spec in own if (spec.port, spec.slot) == key]
            for first in dict.fromkeys(spec.first_point for spec in specs):
                alike = [spec for spec in specs if spec.first_point == first]
                for point in range(first, first + alike[0].n_points):
                    if 0 <= point - shots.first_point < len(self.flat):
                        atoms = [self.processor.qubits.index(spec.qubit) for spec in alike]
                        columns = sorted(range(len(alike)), key=lambda k: alike[k].start_at(point))
                        found.setdefault(key, []).extend((point - shots.first_point, atoms[k]) for k in columns)
        return tuple(Picture(port, slot, tuple(columns)) for (port, slot), columns in found.items())

    # --- sequences ----------------------------------------------------------------------------------

    def sequence(self, text: str, members: list[tuple[int, list[float]]], shots: Shots) -> PulserSequence:
        """Return the sequence of points of one structure; numbers that differ between them are variables."""
        columns = np.array([numbers for _, numbers in members]).T.reshape(-1, len(members))
        variables: dict[str, list[float]] = {}
        names: dict[bytes, str] = {}
        kinds: dict[str, str] = {}

        def filled(item: Any) -> Any:
            if isinstance(item, dict):
                return {key: filled(value) for key, value in item.items()}
            if not (isinstance(item, list) and len(item) == 2 and item[0] in ("int", "float")):
                return item
            kind, column = item[0], columns[item[1]]
            if (column == column[0]).all():
                return int(column[0]) if kind == "int" else float(column[0])
            name = names.setdefault(kind.encode() + column.tobytes(), f"v{len(names)}")
            variables[name] = column.tolist()
            kinds[name] = kind
            return {"expression": "index", "lhs": {"variable": name}, "rhs": 0}

        operations = [filled(item) for item in json.loads(text)]
        points = tuple(point for point, _ in members)
        moves = tuple(self.moves(point) for point in points)
        measured = bool(shots.captures)
        used = {op["channel"] for op in operations}
        chosen = [c for c in self.device.channels if c.name in used] or list(self.device.channels[:1])
        # A local channel must point somewhere before anything else.
        first = {op["channel"]: op["target"] for op in reversed(operations) if op["op"] == "target"}
        for channel in chosen:
            if channel.local and channel.name not in first:
                operations.insert(0, {"op": "target", "channel": channel.name, "target": 0})
        digital = any(channel.basis == "digital" for channel in chosen)
        spots = {name: self.processor.qubit[name].position_m[:2] for name in self.processor.qubits}
        sequence = {
            "version": "1",
            "name": f"{self.processor.name}-{members[0][0]}",
            "device": described(self.device, self.processor.rydberg.n),
            "register": [{"name": name, "x": x_m * 1e6, "y": y_m * 1e6} for name, (x_m, y_m) in spots.items()],
            "channels": {channel.name: channel.name for channel in chosen},
            "variables": {name: {"type": kind, "value": [0 if kind == "int" else 0.0]} for name, kind in kinds.items()},
            "operations": operations,
            "measurement": ("digital" if digital else "ground-rydberg") if measured else None,
        }  # fmt: skip
        return PulserSequence(json.dumps(sequence), points, variables, moves if any(moves) else ())


def _on_clock(time_ns: float, clock_ns: int) -> int:
    return round(time_ns / clock_ns) * clock_ns
