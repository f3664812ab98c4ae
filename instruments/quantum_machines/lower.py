"""Lower straights to a configuration and a QUA program for an OPX; unverified, as nothing plays QUA without one.

Source: Quantum Machines' public documentation and the package qm-qua 1.4.1, which builds what is written here (names,
arguments, cycles of 4 ns, coherent `update_frequency`, 16 bits of `frame_rotation_2pi`, `dual_demod.full`), and
qua-libs (configuration version 1: controllers, elements, pulses, waveforms, integration weights, mixers).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from qctl.errors import CompileError
from qctl.instruments.checker import check_number, refuse, usage
from qctl.instruments.quantum_machines import capabilities as can
from qctl.instruments.quantum_machines.body import QuaBody, Stream
from qctl.instruments.quantum_machines.elements import Element, Line, Pulse, Tone, Window
from qctl.instruments.quantum_machines.text import written
from qctl.instruments.rows import Rows, rows_of
from qctl.lab import Instrument, Lab, Port
from qctl.program.device_program import DeviceProgram
from qctl.program.sampling import envelope_samples
from qctl.program.timeline import Shots, Straight
from qctl.units import rational_hz, to_ticks

__all__ = ["lower"]

_NS = rational_hz(can.CLOCK_HZ)
_CONTROLLER = "con1"


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one controller.

    All points are played in each shot; a point takes the shot period, rounded up to whole cycles. Ports are elements;
    points that differ in numbers alone are one loop. Where there is more than a memory takes, there is no text.

    Raises
    ------
    CompileError
        If a pulse goes over the range, shares a cycle with the one before it, or is measured off the cycles.
    """
    work = _Work(instrument, lab, rows_of(straights, shots), shots)
    return work.program(len(straights))


class _Work:
    """The state while one controller is lowered."""

    def __init__(self, instrument: Instrument, lab: Lab, rows: Rows, shots: Shots) -> None:
        self.instrument, self.lab, self.rows, self.shots = instrument, lab, rows, shots
        self.table = can.TABLES[instrument.model]
        if instrument.clock_hz is None:
            raise CompileError(f"{instrument.name}: clock_hz is not given in lab.toml")
        check_number(self.table, "clocks.sample.hz", instrument.clock_hz, instrument.name)
        self.lead_ns = can.HEAD_NS + to_ticks(shots.lead_s.get(instrument.name, 0.0), _NS).ticks
        self.ports = [port for port in lab.ports.values() if self._takes_part(port)]
        self.elements = [
            Element(port.name.replace(".", "_"), port.name, len(self._outputs(port)), bool(port.inputs))
            for port in self.ports
        ]

    def _outputs(self, port: Port) -> list[int]:
        return [ref.output for ref in port.outputs if ref.instrument == self.instrument.name]

    def _takes_part(self, port: Port) -> bool:
        k = self.rows.ports.get(port.name)
        name = self.instrument.name
        if k is None or name not in {r.instrument for r in port.outputs} | {r.instrument for r in port.inputs}:
            return False
        if {ref.instrument for ref in port.outputs} | {ref.instrument for ref in port.inputs} != {name}:
            raise CompileError(f"port {port.name}: its connectors are of several instruments, and an element has one")
        for number in self._outputs(port):
            if number not in self.instrument.output:
                raise CompileError(f"{name}: output {number} is not in lab.toml")
            check_number(self.table, "channels.output.number", number, f"{name} output {number}")
        return bool(np.any(self.rows.plays["port"] == k) or np.any(self.rows.captures["port"] == k))

    def _point(self, port: Port, point: int) -> tuple[list[Tone], list[Window]]:
        """Return what a port plays and captures at a point."""
        rows, k = self.rows, self.rows.ports[port.name]
        plays = rows.plays[rows.bounds[point] : rows.bounds[point + 1]]
        captures = rows.captures[rows.capture_bounds[point] : rows.capture_bounds[point + 1]]
        tones = [
            Tone(int(p["start"]), rows.waveforms[int(p["waveform"])], float(p["amplitude"]), float(p["frequency_hz"]),
                 -float(p["phase_rad"]) / (2 * np.pi))
            for p in plays[plays["port"] == k]
        ]  # fmt: skip
        windows = [Window(int(c["start"]), rows.specs[int(c["capture"])]) for c in captures[captures["port"] == k]]
        for tone in tones:
            place = f"{tone.waveform.kind} pulse on {port.name} at {tone.start} ns of point {point}"
            unit = envelope_samples(tone.waveform, _NS)
            top = float(max(np.abs(unit.real).max(initial=0), np.abs(unit.imag).max(initial=0)))
            check_number(self.table, "channels.output.amplitude", abs(tone.amplitude) * top, place)
            check_number(self.table, "channels.output.frequency", tone.frequency_hz, place)
        return tones, windows

    def _refuser(self, port: Port, point: int, tones: list[Tone], windows: list[Window]) -> Any:
        def refused(number: int, is_capture: bool, words: str) -> NoReturn:
            if is_capture:
                what, start = f"capture into {windows[number].spec.slot!r}", windows[number].start
            else:
                what, start = f"{tones[number].waveform.kind} pulse", tones[number].start
            raise CompileError(
                f"{what} on {port.name} at {start} ns of point {point}, {self.instrument.name}: {words}",
                instrument=self.instrument.name,
                point=point,
            )

        return refused

    def program(self, n_points: int) -> DeviceProgram:
        """Return the device program."""
        given = [[self._point(port, p) for port in self.ports] for p in range(n_points)]
        phases = {(w.start + self.lead_ns) % can.CYCLE_NS for point in given for _, windows in point for w in windows}
        if len(phases) == 1:  # weights are counted in cycles: the point begins so that windows do
            self.lead_ns += -phases.pop() % can.CYCLE_NS
        pairs = [(e, one) for point in given for e, one in zip(self.elements, point, strict=True)]
        ends = max((e.end_ns(*one) for e, one in pairs), default=0) + self.lead_ns
        period_ns = max(to_ticks(self.shots.period_s, _NS).ticks, ends + can.SHORTEST_NS)
        period_ns = -(-period_ns // can.CYCLE_NS) * can.CYCLE_NS
        points: list[tuple[tuple[Line, ...], ...]] = []
        for p, point in enumerate(given):
            lines = []
            for port, e, (tones, windows) in zip(self.ports, self.elements, point, strict=True):
                refused = self._refuser(port, p, tones, windows)
                lines.append(tuple(e.lines(tones, windows, self.lead_ns, period_ns, refused)))
            points.append(tuple(lines))
        self._check_modes()
        self._check_sums()
        check_number(self.table, "wait", period_ns // can.CYCLE_NS, f"the shot of {self.instrument.name}")
        counts: dict[tuple[str, str], int] = {}
        for port, line in (pair for point in points for pair in _measured(self.ports, point)):
            key = str(line.what[1]), port.name
            counts[key] = counts.get(key, 0) + 1
        streams = [(slot, port, n) for (slot, port), n in counts.items()]
        peaks = {(e.name, number): peak for e in self.elements for number, peak in e.peaks.items()}
        shots = self.shots
        made = written(
            points, self.elements, peaks, self.instrument.name, shots.n_shots, shots.averaged, streams
        )  # fmt: skip
        config = self._config()
        n_samples = sum(len(w.get("samples", ())) for w in config["waveforms"].values())
        report = [
            usage(self.table, "waveforms.count", n_samples),
            usage(self.table, "instructions.count", made.n_statements),
        ]
        if streams:
            report.append(usage(self.table, "acquisitions", len(streams)))
        body = QuaBody(
            json.dumps(config), made.text,
            tuple(Stream(slot, port, f"s{k}_i", f"s{k}_q", n) for k, (slot, port, n) in enumerate(streams)),
            n_points, shots.n_shots, shots.averaged, period_ns, self.lead_ns,
        )  # fmt: skip
        fits = all(row.fits for row in report)
        instrument = self.instrument
        return DeviceProgram(
            instrument.name, instrument.model, body.to_bytes() if fits else b"", {}, n_points, tuple(report)
        )

    def _check_modes(self) -> None:
        for e in self.elements:
            for spec in e.specs.values():
                if spec.mode == "raw" or spec.ifs_hz is not None:
                    what = "is raw" if spec.mode == "raw" else "has a swept frequency"
                    raise CompileError(f"the capture into {spec.slot!r} {what}: not compiled for an OPX")

    def _check_sums(self) -> None:
        """Refuse ports that share an output and could go over its range together."""
        for number in sorted({n for port in self.ports for n in self._outputs(port)}):
            mine = [(p, e) for p, e in zip(self.ports, self.elements, strict=True) if number in self._outputs(p)]
            total_v = sum(max(e.peaks.values(), default=0.0) for _, e in mine)
            if len(mine) > 1 and total_v > can.FULL_SCALE_V:
                raise CompileError(
                    f"{', '.join(port.name for port, _ in mine)} together reach {total_v:.4g} V on output {number} of "
                    f"{self.instrument.name}, over {can.FULL_SCALE_V:g} V: lower them, or play one after the other"
                )

    # --- configuration --------------------------------------------------------------------------------

    def _config(self) -> dict[str, Any]:
        """Return the configuration, as `open_qm` takes it but for its keys."""
        used = sorted({n for port in self.ports for n in self._outputs(port)})
        outputs = {str(n): {"offset": self._offset_v(n)} for n in used}
        inputs = sorted({ref.input for port in self.ports for ref in port.inputs})
        controller: dict[str, Any] = {"analog_outputs": outputs}
        if inputs:
            controller["analog_inputs"] = {str(n): {"offset": 0.0} for n in inputs}
        config: dict[str, Any] = {
            "version": 1, "controllers": {_CONTROLLER: controller}, "elements": {}, "pulses": {}, "waveforms": {},
            "integration_weights": {}, "mixers": {},
        }  # fmt: skip
        for port, e in zip(self.ports, self.elements, strict=True):
            self._element(config, port, e)
        return config

    def _offset_v(self, number: int) -> float:
        mixers = [
            port.mixer.offset_v[place]
            for port in self.ports
            for place, n in enumerate(self._outputs(port))
            if n == number and len(port.outputs) == 2
        ]
        return float(self.instrument.output[number].offset_v + (mixers[0] if mixers else 0.0))

    def _element(self, config: dict[str, Any], port: Port, e: Element) -> None:
        outputs = [[_CONTROLLER, n] for n in self._outputs(port)]
        made: dict[str, Any] = {"intermediate_frequency": e.frequency_hz or 0, "operations": {}}
        if e.n_outputs == 2:
            lo_hz = self.lab.carrier_hz(port) or 0.0
            made["mixInputs"] = {"I": outputs[0], "Q": outputs[1], "lo_frequency": lo_hz, "mixer": f"mixer_{e.name}"}
            g, phi = port.mixer.gain, port.mixer.phase_rad
            correction = [1.0, 0.0, g * float(np.sin(phi)), g * float(np.cos(phi))]
            config["mixers"][f"mixer_{e.name}"] = [
                {"intermediate_frequency": e.frequency_hz or 0, "lo_frequency": lo_hz, "correction": correction}
            ]
        elif outputs:
            made["singleInput"] = {"port": outputs[0]}
        if e.acquires:
            made["outputs"] = {f"out{k}": [_CONTROLLER, ref.input] for k, ref in enumerate(port.inputs, 1)}
            made["time_of_flight"], made["smearing"] = can.TIME_OF_FLIGHT_NS, 0
        config["elements"][e.name] = made
        for pulse, number in e.pulses.items():
            made["operations"][f"p{number}"] = f"{e.name}_p{number}"
            config["pulses"][f"{e.name}_p{number}"] = self._pulse(config, e, pulse, number)

    def _pulse(self, config: dict[str, Any], e: Element, pulse: Pulse, number: int) -> dict[str, Any]:
        peak = e.peaks[number]
        samples = e.samples(pulse, peak)
        top = float(max(np.abs(samples.real).max(initial=0), np.abs(samples.imag).max(initial=0)))
        if top > can.FULL_SCALE_V:
            refuse(self.table, "channels.output.amplitude", top, f"pulse {number} on {e.port}")
        parts = {"I": samples.real, "Q": samples.imag} if e.n_outputs == 2 else {"single": samples.real}
        names = {}
        for part, values in parts.items():
            name = names[part] = f"{e.name}_p{number}_{part}"
            if np.all(values == values[0]):
                config["waveforms"][name] = {"type": "constant", "sample": float(values[0])}
            else:
                config["waveforms"][name] = {"type": "arbitrary", "samples": values.tolist()}
        slot, offset, length, number_of_spec = pulse.weights
        made: dict[str, Any] = {
            "operation": "measurement" if slot else "control", "length": pulse.length, "waveforms": names
        }  # fmt: skip
        if slot:
            made["digital_marker"] = "ON"
            config["digital_waveforms"] = {"ON": {"samples": [[1, 0]]}}
            made["integration_weights"] = {}
            given = e.specs[number_of_spec].weights
            cycles = length // can.CYCLE_NS
            w = np.ones(cycles, complex) if given is None else _by_cycle(given, cycles)
            # Of (I + jQ) exp(-j w t) times the weights: cosine and sine of both outputs, for the real part (a, b) and
            # for the imaginary one (c, a).
            for letter, cosine, sine in (("a", w.real, w.imag), ("b", -w.imag, w.real), ("c", w.imag, -w.real)):
                name = f"{e.name}_{letter}{number}"
                rest = pulse.length - offset - length
                config["integration_weights"][name] = {
                    "cosine": _runs(cosine, offset, rest), "sine": _runs(sine, offset, rest),
                }  # fmt: skip
                made["integration_weights"][f"{letter}{number}"] = name
        return made


def _measured(ports: Sequence[Port], point: Sequence[Sequence[Line]]) -> list[tuple[Port, Line]]:
    return [(port, line) for port, lines in zip(ports, point, strict=True) for line in lines if line.kind == "measure"]


def _by_cycle(weights: Any, cycles: int) -> Any:
    """Return weights averaged over each cycle."""
    fine = weights[((2 * np.arange(cycles * can.CYCLE_NS) + 1) * len(weights)) // (2 * cycles * can.CYCLE_NS)]
    return fine.reshape(cycles, can.CYCLE_NS).mean(axis=1)


def _runs(values: Any, before_ns: int, after_ns: int) -> list[list[float]]:
    """Return weights as values and lengths in ns, with zeros around them."""
    found = [[0.0, before_ns]] if before_ns else []
    for value in values.tolist():
        if found and found[-1][0] == value:
            found[-1][1] += can.CYCLE_NS
        else:
            found.append([value, can.CYCLE_NS])
    return found + ([[0.0, after_ns]] if after_ns else [])
