"""What must hold among processors: qubits, couplers, modes and beams that exist, and values that physics allows."""

from __future__ import annotations

import math
from itertools import combinations

from qctl.lab.atom import AtomProcessor
from qctl.lab.decoding import Problems, join
from qctl.lab.ion import IonProcessor
from qctl.lab.lab import Lab, Processor
from qctl.lab.rack_rules import NAME, unknown
from qctl.lab.transmon import TransmonProcessor, TransmonQubit

__all__ = ["check_processors"]


def check_processors(lab: Lab, problems: Problems) -> None:
    """Note what is wrong with the processors, each by itself and one against another."""
    owners: dict[str, str] = {}
    for name, processor in lab.processors.items():
        path = join("processors", name)
        if not NAME.fullmatch(name):
            problems.add(path, "a name has letters, digits and _ only, and starts with a letter")
        if processor.trigger not in lab.instruments:
            problems.add(join(path, "trigger"), unknown("instrument", processor.trigger, list(lab.instruments)))
        elif not lab.instruments[processor.trigger].line:
            problems.add(join(path, "trigger"), f"{processor.trigger} has no trigger lines")
        if not processor.native_gates:
            problems.add(join(path, "native_gates"), "is empty")
        _qubits(processor, path, owners, problems)
        _couplers(processor, path, problems)
        match processor:
            case TransmonProcessor():
                _transmons(processor, path, problems)
            case IonProcessor():
                _ions(processor, path, problems)
            case AtomProcessor():
                _atoms(processor, path, problems)


def _qubits(processor: Processor, path: str, owners: dict[str, str], problems: Problems) -> None:
    at = join(path, "qubits")
    if not processor.qubits:
        problems.add(at, "is empty")
    for k, qubit in enumerate(processor.qubits):
        if not NAME.fullmatch(qubit):
            problems.add(f"{at}[{k}]", f"{qubit!r}: a name has letters, digits and _ only, and starts with a letter")
        if qubit in processor.qubits[:k]:
            problems.add(f"{at}[{k}]", f"{qubit!r} stands here twice")
        elif owners.setdefault(qubit, processor.name) != processor.name:
            problems.add(f"{at}[{k}]", f"{qubit!r} is a qubit of {owners[qubit]} too")
        if qubit not in processor.qubit:
            problems.add(join(join(path, "qubit"), qubit), "is missing, but qubits names it")
    for name, qubit_values in processor.qubit.items():
        here = join(join(path, "qubit"), name)
        if name not in processor.qubits:
            problems.add(here, unknown("qubit", name, list(processor.qubits)))
        if qubit_values.t2_s > 2 * qubit_values.t1_s:
            problems.add(join(here, "t2_s"), f"{qubit_values.t2_s:g} s is above twice t1_s = {qubit_values.t1_s:g} s")


def _couplers(processor: Processor, path: str, problems: Problems) -> None:
    pairs: dict[frozenset[str], str] = {}
    for name, coupler in processor.coupler.items():
        at = join(join(path, "coupler"), name)
        first, second = coupler.qubits
        if not second or first == second:
            problems.add(at, 'the key is two qubits with a hyphen between, as in "q0-q1"')
            continue
        for qubit in (first, second):
            if qubit not in processor.qubits:
                problems.add(at, unknown("qubit", qubit, list(processor.qubits)))
        other = pairs.setdefault(frozenset((first, second)), name)
        if other != name:
            problems.add(at, f"is the same pair as {other}")
        for gate in ("cz", "ms"):
            pulse = getattr(coupler, gate, None)
            for qubit in pulse.phase_rad if pulse is not None else ():
                if qubit not in (first, second):
                    problems.add(join(join(join(at, gate), "phase_rad"), qubit), f"is not a qubit of {name}")


def _transmons(processor: TransmonProcessor, path: str, problems: Problems) -> None:
    for name, qubit in processor.qubit.items():
        _transmon(qubit, join(join(path, "qubit"), name), processor.shot_period_s, problems)
    for name, coupler in processor.coupler.items():
        at = join(join(path, "coupler"), name)
        if coupler.flux_qubit not in coupler.qubits:
            problems.add(join(at, "flux_qubit"), f"{coupler.flux_qubit!r} is not a qubit of {name}")
        if 2 * coupler.cz.rise_s > coupler.cz.length_s:
            problems.add(join(join(at, "cz"), "rise_s"), f"two edges don't fit in length_s = {coupler.cz.length_s:g} s")


def _transmon(qubit: TransmonQubit, at: str, period_s: float, problems: Problems) -> None:
    if not 1e5 <= abs(qubit.anharmonicity_hz) < qubit.frequency_hz:
        problems.add(
            join(at, "anharmonicity_hz"),
            f"{qubit.anharmonicity_hz:g} Hz is not an anharmonicity; frequencies are in hertz: -220 MHz is -2.2e8",
        )
    if qubit.drive.sigma_s > qubit.drive.length_s:
        problems.add(join(join(at, "drive"), "sigma_s"), f"is above length_s = {qubit.drive.length_s:g} s")
    readout = qubit.readout
    if not 0 <= readout.delay_s + readout.length_s <= period_s:
        problems.add(join(join(at, "readout"), "length_s"), f"does not end within shot_period_s = {period_s:g} s")


def _beam(processor: IonProcessor | AtomProcessor, beam: str, path: str, problems: Problems) -> None:
    if beam not in processor.beam:
        problems.add(join(path, "beam"), unknown("beam", beam, list(processor.beam)))


def _beams(processor: IonProcessor | AtomProcessor, path: str, problems: Problems) -> None:
    for name, beam in processor.beam.items():
        at = join(join(path, "beam"), name)
        if not NAME.fullmatch(name) or name in processor.qubits:
            problems.add(at, "a beam's name has letters, digits and _ only, and is not a qubit's")
        if not 1e-8 <= beam.wavelength_m <= 1:
            problems.add(
                join(at, "wavelength_m"), f"{beam.wavelength_m:g} m; wavelengths are in metres: 355 nm is 3.55e-7"
            )
        for k, qubit in enumerate(beam.qubits):
            if qubit not in processor.qubits:
                problems.add(f"{join(at, 'qubits')}[{k}]", unknown("qubit", qubit, list(processor.qubits)))


def _ions(processor: IonProcessor, path: str, problems: Problems) -> None:
    _beams(processor, path, problems)
    for k, step in enumerate(processor.preparation):
        _beam(processor, step.beam, f"{join(path, 'preparation')}[{k}]", problems)
    if processor.detection is not None:
        _beam(processor, processor.detection.beam, join(path, "detection"), problems)
    for name, qubit in processor.qubit.items():
        _beam(processor, qubit.drive.beam, join(join(join(path, "qubit"), name), "drive"), problems)
    for name, coupler in processor.coupler.items():
        at = join(join(join(path, "coupler"), name), "ms")
        if coupler.ms.beam:
            _beam(processor, coupler.ms.beam, at, problems)
        for ion in coupler.ms.amplitudes_v:
            if ion not in coupler.qubits:
                problems.add(join(join(at, "amplitudes_v"), ion), f"is not a qubit of {name}")
        if coupler.ms.mode not in processor.mode:
            problems.add(join(at, "mode"), unknown("mode", coupler.ms.mode, list(processor.mode)))
    for name, mode in processor.mode.items():
        at = join(join(path, "mode"), name)
        if not 1e3 <= mode.frequency_hz <= 1e9:
            problems.add(join(at, "frequency_hz"), f"{mode.frequency_hz:g} Hz; frequencies are in hertz: 3 MHz is 3e6")
        for ion, eta in mode.lamb_dicke.items():
            here = join(join(at, "lamb_dicke"), ion)
            if ion not in processor.qubits:
                problems.add(here, unknown("qubit", ion, list(processor.qubits)))
            if not abs(eta) < 1:
                problems.add(here, f"{eta:g} is not below 1")


def _atoms(processor: AtomProcessor, path: str, problems: Problems) -> None:
    _beams(processor, path, problems)
    bound_m = processor.rydberg.min_distance_m
    for name, qubit in processor.qubit.items():
        if qubit.drive is not None:
            _beam(processor, qubit.drive.beam, join(join(join(path, "qubit"), name), "drive"), problems)
    for name, coupler in processor.coupler.items():
        _beam(processor, coupler.cz.beam, join(join(join(path, "coupler"), name), "cz"), problems)
    for (first, a), (second, b) in combinations(processor.qubit.items(), 2):
        distance_m = math.dist(a.position_m, b.position_m)
        if distance_m < bound_m:
            problems.add(
                join(join(join(path, "qubit"), second), "position_m"),
                f"is {distance_m:.3g} m from {first}, below rydberg.min_distance_m = {bound_m:g} m",
            )
