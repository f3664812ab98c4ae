"""The programs of tune-up: each function turns calibrated values and swept points into one Program.

Every program names its qubits as lab.toml does, so that it is played on just these. `measure` writes the
qubit's result into a slot of the qubit's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.lab import TransmonCoupler, TransmonQubit
from qctl.lab.snapshot import Values
from qctl.program.envelopes import constant, drag, flat_top
from qctl.program.expressions import Value
from qctl.program.program import Program
from qctl.program.tables import Waveform

__all__ = [
    "at_rest",
    "beta_train",
    "conditional_phase",
    "flux_rabi",
    "lifetime",
    "prepared",
    "pulse_area_s",
    "pulse_train",
    "rabi",
    "ramsey",
    "spectroscopy",
]

Floats = NDArray[np.float64]


def _program(values: Values, qubits: Iterable[str]) -> Program:
    names = list(qubits)
    moved = {c.flux_qubit for c in values.couplers.values() if isinstance(c, TransmonCoupler)}
    lines = [(name, line) for name in values.qubits for line in ("drive", "flux", "readout")]
    ports = [f"{name}.{line}" for name, line in lines if line != "flux" or name in moved]
    return Program(ports, names, names)


def _measure(program: Program, qubits: Iterable[str]) -> None:
    program.barrier()
    for name in qubits:
        program.measure(name, name)


def _transmon(values: Values, name: str) -> TransmonQubit:
    qubit = values.qubits[name]
    if not isinstance(qubit, TransmonQubit):
        raise RequestError(f"qubit {name} is no transmon")
    return qubit


def _pulse(qubit: TransmonQubit, amp: Value | None = None, beta_s: Value | None = None) -> Waveform:
    pulse = qubit.drive
    return drag(
        pulse.length_s,
        pulse.amplitude_v if amp is None else amp,
        pulse.sigma_s,
        pulse.beta_s if beta_s is None else beta_s,
    )


def pulse_area_s(qubit: TransmonQubit) -> float:
    """Return the integral of the π/2 pulse's in-phase envelope at unit amplitude, in seconds."""
    length, sigma = qubit.drive.length_s, qubit.drive.sigma_s
    t = (np.arange(4000) + 0.5) / 4000 * length
    g = np.exp(-((t - length / 2) ** 2) / (2 * sigma**2))
    edge = np.exp(-((length / 2) ** 2) / (2 * sigma**2))
    return float(np.mean((g - edge) / (1 - edge)) * length)


def prepared(values: Values, qubits: Sequence[str], excited: Iterable[str]) -> Program:
    """Prepare some qubits in |1>, measure all of `qubits`."""
    program = _program(values, qubits)
    for name in excited:
        program.x(name)
    _measure(program, qubits)
    return program


def at_rest(values: Values, qubits: Sequence[str], n_points: int) -> Program:
    """Measure qubits that nothing drives, as so many equal points of a sweep."""
    program = _program(values, qubits)
    with program.sweep("repeat", np.arange(n_points, dtype=np.float64)):
        _measure(program, qubits)
    return program


def spectroscopy(values: Values, qubits: Sequence[str], detunings_hz: Floats, length_s: float) -> Program:
    """Sweep the frequency of a long square pulse of about π around each qubit's frequency."""
    program = _program(values, qubits)
    with program.sweep("detuning", detunings_hz, "Hz") as detuning:
        for name in qubits:
            qubit = _transmon(values, name)
            amp = 2 * qubit.drive.amplitude_v * pulse_area_s(qubit) / length_s
            program.set_frequency(f"{name}.drive", detuning + qubit.frequency_hz)
            program.play(f"{name}.drive", constant(length_s, amp))
        _measure(program, qubits)
    return program


def rabi(values: Values, qubits: Sequence[str], factors: Floats) -> Program:
    """Sweep the amplitude of two equal π/2 pulses, as a factor on today's amplitude."""
    return pulse_train(values, qubits, factors, 2)


def pulse_train(values: Values, qubits: Sequence[str], factors: Floats, n_pulses: int) -> Program:
    """Sweep the amplitude of a train of π/2 pulses, as a factor on today's; a multiple of four returns to |0>."""
    program = _program(values, qubits)
    with program.sweep("factor", factors) as factor:
        for name in qubits:
            qubit = _transmon(values, name)
            for _ in range(n_pulses):
                program.play(f"{name}.drive", _pulse(qubit, factor * qubit.drive.amplitude_v))
        _measure(program, qubits)
    return program


def beta_train(values: Values, qubits: Sequence[str], betas_s: Floats, n_pairs: int) -> Program:
    """Sweep the DRAG coefficient in pairs of a π/2 pulse and its opposite, which amplify phase errors.

    Source: Sheldon et al., Phys. Rev. A 93, 012301 (2016).
    """
    program = _program(values, qubits)
    with program.sweep("beta", betas_s, "s") as beta:
        for name in qubits:
            qubit = _transmon(values, name)
            for _ in range(n_pairs):
                program.play(f"{name}.drive", _pulse(qubit, beta_s=beta))
                program.shift_phase(f"{name}.drive", np.pi)
                program.play(f"{name}.drive", _pulse(qubit, beta_s=beta))
                program.shift_phase(f"{name}.drive", -np.pi)
        _measure(program, qubits)
    return program


def ramsey(
    values: Values, qubits: Sequence[str], delays_s: Floats, detuning_hz: float, measured: Sequence[str]
) -> Program:
    """Sweep the delay between two π/2 pulses, the second turned by ``2π detuning delay``."""
    program = _program(values, measured)
    with program.sweep("delay", delays_s, "s") as delay:
        for name in qubits:
            program.sx(name)
            program.delay(name, delay)
            program.rz(delay * (2 * np.pi * detuning_hz), name)
            program.sx(name)
        _measure(program, measured)
    return program


def lifetime(values: Values, qubits: Sequence[str], delays_s: Floats, echo: bool) -> Program:
    """Sweep the delay after a π pulse (T1), or in a Hahn echo (T2)."""
    program = _program(values, qubits)
    with program.sweep("delay", delays_s, "s") as delay:
        for name in qubits:
            if echo:
                program.sx(name)
                program.delay(name, delay * 0.5)
                program.x(name)
                program.delay(name, delay * 0.5)
                program.sx(name)
            else:
                program.x(name)
                program.delay(name, delay)
        _measure(program, qubits)
    return program


def _flux(program: Program, coupler: TransmonCoupler, amp: Value, length_s: Value) -> None:
    program.barrier()
    program.play(
        f"{coupler.flux_qubit}.flux",
        flat_top(length_s, amp, coupler.cz.rise_s) if coupler.cz.rise_s else constant(length_s, amp),
    )
    program.barrier()


def flux_rabi(
    values: Values, coupler: TransmonCoupler, name: str, points: Floats, amp: float | None, length_s: float | None
) -> Program:
    """Prepare |11>, pulse the flux, measure both: the lower qubit falls to 0 where |11> becomes |02>.

    Either `amp` or `length_s` is None and takes the swept points.
    """
    first, second = coupler.qubits
    program = _program(values, (first, second))
    with program.sweep(name, points, "V" if amp is None else "s") as swept:
        program.x(first)
        program.x(second)
        _flux(program, coupler, swept if amp is None else amp, swept if length_s is None else length_s)
        _measure(program, (first, second))
    return program


def conditional_phase(
    values: Values,
    coupler: TransmonCoupler,
    target: str,
    control_excited: bool,
    amps: Floats,
    phases_rad: Floats,
    n_pulses: int = 1,
) -> Program:
    """Ramsey on `target` around the flux pulse, the other qubit in |0> or |1>; sweeps amplitude × phase."""
    first, second = coupler.qubits
    control = second if target == first else first
    program = _program(values, (first, second))
    with program.sweep("amplitude", amps, "V") as amp, program.sweep("phase", phases_rad, "rad") as phase:
        if control_excited:
            program.x(control)
        program.sx(target)
        for _ in range(n_pulses):
            _flux(program, coupler, amp, coupler.cz.length_s)
        program.rz(phase, target)
        program.sx(target)
        _measure(program, (first, second))
    return program
