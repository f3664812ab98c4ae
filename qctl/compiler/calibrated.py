"""Take a target's rates from a calibration: what a tune-up measured, and of all else what relaxation costs.

A gate of the length t leaves a qubit's relaxation the entanglement fidelity (1 + exp(-t/T1) + 2 exp(-t/T2)) / 4; of
n qubits that relax alone the product counts, and d = 2**n has the average fidelity (d F + 1) / (d + 1). Source:
M. Nielsen, Phys. Lett. A 303, 249 (2002).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, prod
from statistics import median

from msgspec import UNSET, UnsetType

from qctl.compiler.rates import Rates
from qctl.errors import RequestError
from qctl.lab import TransmonCoupler, TransmonQubit
from qctl.lab.snapshot import Values

__all__ = ["rates_of"]


def rates_of(values: Values, fidelities: Mapping[str, float] | None = None) -> Rates:
    """Return the rates of a processor of transmons, its qubits and couplers in their order.

    Parameters
    ----------
    values : Values
        Of `qctl.lab.snapshot.effective`.
    fidelities : mapping of str to float, optional
        Average fidelity of a qubit's pulse (``q0``) or of a coupler's gate (``q0-q1``), above the calibration's.

    Returns
    -------
    Rates
        A gate whose error nobody measured has that of relaxation alone. A qubit whose readout nobody measured has the
        middle error of the others, or all have none.

    Raises
    ------
    RequestError
        If the processor has other qubits, a name is not the processor's, or a fidelity is outside [0, 1].
    """
    given = dict(fidelities or {})
    for name, fidelity in given.items():
        if name not in values.qubits and name not in values.couplers:
            raise RequestError(f"fidelities: {name} is neither a qubit nor a coupler of {values.processor}")
        if not 0 <= fidelity <= 1:
            raise RequestError(f"fidelities: {name} = {fidelity} is outside [0, 1]")
    qubits = [qubit for qubit in values.qubits.values() if isinstance(qubit, TransmonQubit)]
    couplers = [coupler for coupler in values.couplers.values() if isinstance(coupler, TransmonCoupler)]
    if (len(qubits), len(couplers)) != (len(values.qubits), len(values.couplers)):
        raise RequestError(f"{values.processor} has qubits that are no transmons; rates are taken from transmons only")
    named = {qubit.name: qubit for qubit in qubits}
    pulse_error = [_error(given.get(qubit.name), qubit.drive.error, (qubit,), qubit.drive.length_s) for qubit in qubits]
    pair_error = [
        _error(given.get(pair.name), pair.cz.error, [named[end] for end in pair.qubits], pair.cz.length_s)
        for pair in couplers
    ]
    return Rates(
        tuple(pair_error),
        tuple(pulse_error),
        _readout_errors(qubits),
        tuple(coupler.cz.length_s for coupler in couplers),
        tuple(qubit.drive.length_s for qubit in qubits),
        tuple(qubit.readout.length_s for qubit in qubits),
        tuple(qubit.t1_s for qubit in qubits),
        tuple(_t2_s(qubit) for qubit in qubits),
    )


def _error(given: float | None, measured: float | UnsetType, qubits: Sequence[TransmonQubit], length_s: float) -> float:
    """Return the average infidelity of a gate: as given, as measured, or what relaxation costs."""
    if given is not None:
        return 1 - given
    if measured is not UNSET:
        return float(measured)
    d = 1 << len(qubits)
    kept = prod((1 + exp(-length_s / q.t1_s) + 2 * exp(-length_s / _t2_s(q))) / 4 for q in qubits)
    return 1 - (d * kept + 1) / (d + 1)


def _t2_s(qubit: TransmonQubit) -> float:
    """Return T2, at most 2 T1: both were measured, each with its error."""
    return min(qubit.t2_s, 2 * qubit.t1_s)


def _readout_errors(qubits: list[TransmonQubit]) -> tuple[float, ...]:
    """Return the mean of both errors of each qubit's readout; the middle one where none was measured."""
    found = [
        None if readout.error0 is UNSET or readout.error1 is UNSET else (readout.error0 + readout.error1) / 2
        for readout in (qubit.readout for qubit in qubits)
    ]
    known = [error for error in found if error is not None]
    return tuple(median(known) if error is None else error for error in found) if known else ()
