"""Carry calibrated values to another rack around the same qubits: what is physical stays, the rest is translated.

Frequencies, lifetimes, rotation angles, couplings and phases are the qubits'. The peak at a generator's output that
makes an angle depends on how it holds its samples, so it is translated. Delays between boxes, and where IQ points lie,
belong to the boxes: they are left out where the boxes differ, and named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec import UNSET

from qctl.errors import RequestError
from qctl.lab import DrivePulse, FluxLine, Lab, Port, TransmonCoupler, TransmonQubit
from qctl.lab.snapshot import Values
from qctl.units import rational_hz, to_ticks

__all__ = ["Moved", "held_gain", "move", "pulse_gain"]


@dataclass(frozen=True, slots=True)
class Moved:
    """Values for another rack.

    Attributes
    ----------
    values : dict
        For `write_snapshot`: ``{"qubits": {...}, "couplers": {...}}``.
    translated : tuple of str
        What was changed, and from what.
    left_out : tuple of str
        What the new boxes have to be measured for, and by which node of the tune-up.
    """

    values: dict[str, dict[str, Any]]
    translated: tuple[str, ...]
    left_out: tuple[str, ...]


def held_gain(offset_hz: float, clock_hz: float) -> float:
    """Return what is left of a tone at an offset from DC when each sample is held until the next one.

    Source: A. V. Oppenheim and R. W. Schafer, Discrete-Time Signal Processing (2010), section 4.8.4 (zero-order hold).
    """
    return float(np.sinc(offset_hz / clock_hz))


def pulse_gain(pulse: DrivePulse, offset_hz: float, clock_hz: float) -> float:
    """Return the rotation that a drive pulse of unit peak makes, relative to that of a pulse without samples."""
    n = to_ticks(pulse.length_s, rational_hz(clock_hz)).ticks

    def bell(count: int) -> float:
        t = (np.arange(count) + 0.5) / count * pulse.length_s - pulse.length_s / 2
        edge = np.exp(-0.5 * (pulse.length_s / 2 / pulse.sigma_s) ** 2)
        return float(np.exp(-0.5 * (t / pulse.sigma_s) ** 2).mean() - edge)

    return bell(n) / bell(20_000) * held_gain(offset_hz, clock_hz)


def move(values: Values, before: Lab, after: Lab, qpu: str) -> Moved:
    """Translate calibrated values from one lab to another one with the same qubits.

    Parameters
    ----------
    values : Values
        In effect in the lab that they were measured in.
    before, after : Lab
        That lab, and the new one.
    qpu : str
        The processor in the new lab.

    Raises
    ------
    RequestError
        If the new lab has other qubits or couplers, or a line that was used is missing there.
    """
    owner = after.processor(qpu)
    for kind, wanted, there in (
        ("qubit", values.qubits, owner.qubits),
        ("coupler", values.couplers, owner.coupler),
    ):
        missing = sorted(set(wanted) - set(there))
        if missing:
            raise RequestError(f"{qpu} has no {kind} {missing[0]}: values move between racks of the same qubits")
    work = _Move(before, after)
    qubits = {name: work.qubit(one) for name, one in values.qubits.items() if isinstance(one, TransmonQubit)}
    if len(qubits) != len(values.qubits):
        raise RequestError(f"{values.processor} is no processor of transmons; values of others are not moved yet")
    couplers = {name: work.coupler(one) for name, one in values.couplers.items() if isinstance(one, TransmonCoupler)}
    return Moved({"qubits": qubits, "couplers": couplers}, tuple(work.translated), tuple(work.left_out))


class _Move:
    """Two labs, and what is said of what becomes of the values."""

    def __init__(self, before: Lab, after: Lab) -> None:
        self.before, self.after = before, after
        self.translated: list[str] = []
        self.left_out: list[str] = []

    def qubit(self, qubit: TransmonQubit) -> dict[str, Any]:
        """Return what a qubit's values are in the new lab."""
        name, drive, readout = qubit.name, qubit.drive, qubit.readout
        found: dict[str, Any] = {
            key: getattr(qubit, key) for key in ("frequency_hz", "anharmonicity_hz", "t1_s", "t2_s")
        }
        gains = [self._gain(lab, qubit) for lab in (self.before, self.after)]
        amplitude_v = drive.amplitude_v * gains[0] / gains[1]
        self._whole(f"{name}.drive", drive.length_s, "drive.length_s")
        found["drive"] = {
            "length_s": drive.length_s, "sigma_s": drive.sigma_s, "beta_s": drive.beta_s, "amplitude_v": amplitude_v,
        }  # fmt: skip
        self.translated.append(
            f"{name} drive.amplitude_v: {drive.amplitude_v:.6g} to {amplitude_v:.6g} V, for the same angle"
        )
        if qubit.flux is not None:
            self._bias(qubit, qubit.flux, found)
        found["readout"] = {
            key: getattr(readout, key) for key in ("frequency_hz", "amplitude_v", "length_s", "delay_s")
        }
        if self._same(f"{name}.readout", _reading):
            found["readout"] |= {"angle_rad": readout.angle_rad, "threshold_v": readout.threshold_v}
            found["readout"] |= {
                key: getattr(readout, key)
                for key in ("center0_v", "center1_v", "center2_v")
                if getattr(readout, key) is not None
            }
        else:
            self.left_out.append(f"{name} readout: where its states lie (nodes reference, rabi, discrimination)")
        if any(not self._same(f"{name}.{role}", _timing) for role in ("drive", "flux", "readout")):
            self.left_out.append(f"{name} delays_s: how late its lines are against each other (node delays)")
        elif qubit.delays_s:
            found["delays_s"] = dict(qubit.delays_s)
        return found

    def coupler(self, coupler: TransmonCoupler) -> dict[str, Any]:
        """Return what a coupler's values are in the new lab."""
        cz, port = coupler.cz, f"{coupler.flux_qubit}.flux"
        length_s = self._whole(port, cz.length_s, f"{coupler.name} cz.length_s")
        found: dict[str, Any] = {
            key: getattr(coupler, key) for key in ("coupling_hz", "zz_hz") if getattr(coupler, key) is not None
        }
        found["cz"] = {
            "length_s": length_s, "amplitude_v": cz.amplitude_v, "rise_s": cz.rise_s, "phase_rad": dict(cz.phase_rad),
        }  # fmt: skip
        return found

    def _gain(self, lab: Lab, qubit: TransmonQubit) -> float:
        port = lab.port(f"{qubit.name}.drive")
        offset_hz = qubit.frequency_hz - (lab.carrier_hz(port) or 0.0)
        return pulse_gain(qubit.drive, offset_hz, self._clock_hz(lab, port))

    def _clock_hz(self, lab: Lab, port: Port) -> float:
        clock_hz = lab.instrument(port.outputs[0].instrument).clock_hz
        if clock_hz is None:
            raise RequestError(f"port {port.name} has no clock: clock_hz of its instrument is not in lab.toml")
        return clock_hz

    def _whole(self, port: str, length_s: float, what: str) -> float:
        """Return a length in whole samples of the new generator, and say by how much it changes."""
        clock = rational_hz(self._clock_hz(self.after, self.after.port(port)))
        whole_s = float(to_ticks(length_s, clock).ticks / clock)
        if abs(whole_s - length_s) > 1e-14:
            self.translated.append(f"{what}: {length_s * 1e9:.4f} to {whole_s * 1e9:.4f} ns, in whole samples")
        return whole_s

    def _bias(self, qubit: TransmonQubit, flux: FluxLine, found: dict[str, Any]) -> None:
        """Carry a static bias, between sources of one kind: no table says what current a voltage makes in a line."""
        offset_a = 0.0 if flux.offset_a is UNSET else flux.offset_a
        if self._same(f"{qubit.name}.flux", _makes_current):
            found["flux"] = {"offset_v": flux.offset_v} | ({} if flux.offset_a is UNSET else {"offset_a": offset_a})
        elif flux.offset_v or offset_a:
            was, now = ("voltage", "current") if flux.offset_v else ("current", "voltage")
            self.left_out.append(f"{qubit.name} flux: its static bias, a {was} that is a {now} there (no node sets it)")

    def _same(self, port: str, parts: Callable[[Lab, Port], object]) -> bool:
        """Say whether a port is played by the same kind of boxes, as far as the parts of them tell."""
        held = [lab.ports.get(port) for lab in (self.before, self.after)]
        if None in held:
            return held[0] is held[1]
        return parts(self.before, self.before.port(port)) == parts(self.after, self.after.port(port))


def _makes_current(lab: Lab, port: Port) -> object:
    """Say whether a port's static bias is a current."""
    return port.dc is not None and port.dc.output in lab.instrument(port.dc.instrument).current


def _reading(lab: Lab, port: Port) -> object:
    """Return what decides where IQ points lie: boxes, rates, ranges, carrier."""
    boxes = [lab.instrument(ref.instrument) for ref in port.connectors]
    ranges = [lab.input(ref).range_v for ref in port.inputs]
    return [(box.model, box.clock_hz) for box in boxes], ranges, lab.carrier_hz(port), port.mixer


def _timing(lab: Lab, port: Port) -> object:
    """Return what decides when a port's pulses come."""
    boxes = [lab.instrument(ref.instrument) for ref in port.connectors]
    return [(box.model, box.clock_hz, box.trigger) for box in boxes], port.delay_s
