"""The lines of a processor as timing sees them: ports with clock, carrier and owner, from lab.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from qctl.errors import CompileError
from qctl.lab import Lab, Port, TransmonQubit
from qctl.lab.snapshot import Values
from qctl.units import rational_hz, rational_s

__all__ = ["Line", "Lines", "lines_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One port.

    Attributes
    ----------
    port : Port
        As in lab.toml.
    rate_hz : Fraction
        Clock of the instrument that plays on it.
    record_hz : Fraction or None
        Clock of the digitizer behind it.
    lo_hz : float
        Frequency of its carrier; 0 without one.
    frequency_hz : float
        Frequency that its frame starts with.
    delay_s : Fraction
        Added to all its times.
    """

    port: Port
    rate_hz: Fraction
    record_hz: Fraction | None
    lo_hz: float
    frequency_hz: float
    delay_s: Fraction


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """All ports of a processor.

    Attributes
    ----------
    lines : tuple of Line
        In the order of lab.toml.
    number : mapping of str to int
        Index of each port by name.
    of_qubit : tuple of tuple of int
        Ports of each qubit, in the processor's order.
    role : tuple of mapping of str to int
        For each qubit: role (drive, flux, readout) → port.
    """

    lines: tuple[Line, ...]
    number: Mapping[str, int]
    of_qubit: tuple[tuple[int, ...], ...]
    role: tuple[Mapping[str, int], ...]

    def find(self, qubit: int, role: str, name: str) -> int:
        """Return a qubit's port.

        Raises
        ------
        CompileError
            If lab.toml gives it none.
        """
        found = self.role[qubit].get(role)
        if found is None:
            raise CompileError(f"{name} has no port {name}.{role} in lab.toml")
        return found


def lines_of(lab: Lab, values: Values) -> Lines:
    """Return the ports of a processor.

    Raises
    ------
    CompileError
        If a port's instruments have no clock.
    """
    ports = lab.ports_of(values.processor)
    names = list(values.qubits)
    roles: list[dict[str, int]] = [{} for _ in names]
    lines = []
    for k, port in enumerate(ports):
        if port.target in values.qubits:
            roles[names.index(port.target)][port.role] = k
        lines.append(_line(lab, values, port))
    return Lines(
        tuple(lines),
        {port.name: k for k, port in enumerate(ports)},
        tuple(tuple(role.values()) for role in roles),
        tuple(roles),
    )


def _line(lab: Lab, values: Values, port: Port) -> Line:
    qubit = values.qubits.get(port.target)
    frequency_hz, delay_s = 0.0, rational_s(port.delay_s)
    if isinstance(qubit, TransmonQubit):
        delay_s += rational_s((qubit.delays_s or {}).get(port.role, 0.0))
        frequency_hz = {"drive": qubit.frequency_hz, "readout": qubit.readout.frequency_hz}.get(port.role, 0.0)
    lo_hz = lab.carrier_hz(port)
    if lo_hz is None and port.lo:
        raise CompileError(f"instrument {port.lo} has no frequency_hz, and is the LO of port {port.name}")
    inputs = port.inputs
    record_hz = _clock(lab, inputs[0].instrument) if inputs else None
    outputs = port.outputs
    rate_hz = _clock(lab, outputs[0].instrument) if outputs else record_hz or Fraction(10**9)
    return Line(port, rate_hz, record_hz, lo_hz or 0.0, frequency_hz, delay_s)


def _clock(lab: Lab, name: str) -> Fraction:
    clock_hz = lab.instrument(name).clock_hz
    if clock_hz is None:
        raise CompileError(f"instrument {name} has no clock_hz")
    return rational_hz(clock_hz)
