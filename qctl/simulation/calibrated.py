"""Noise of a processor from its calibration: relaxation during gates, the rest of a known infidelity, readout.

A gate that is pulsed lets its qubits relax for its length; virtual Z rotations cost nothing. A one-qubit gate is two
pulses (sx and sxdg one), a gate on two qubits one pulse of the coupler and, other than cz and ms, two pulses on each of
its qubits. Where a gate's average fidelity is known, what relaxation leaves of the loss is depolarising.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import UNSET
from numpy.typing import ArrayLike

from qctl.errors import RequestError
from qctl.lab.lab import Coupler, Lab, Qubit
from qctl.lab.snapshot import Snapshot, Values, effective
from qctl.program.opcodes import GATES, Op
from qctl.simulation.channels import Channel, depolarising, thermal_relaxation

if TYPE_CHECKING:
    from qctl.simulation.noise import NoiseModel

__all__ = ["calibrated"]

VIRTUAL = (Op.ID, Op.Z, Op.S, Op.SDG, Op.T, Op.TDG, Op.P, Op.RZ, Op.U1)
"""Gates without a pulse."""

ONE_PULSE = (Op.SX, Op.SXDG)
ENTANGLING = (Op.CZ, Op.MS)
"""Gates that are one pulse of a coupler."""


def calibrated(
    empty: NoiseModel,
    lab: Lab,
    processor: str,
    snapshot: Snapshot | None,
    readout: Mapping[str, ArrayLike],
    fidelities: Mapping[str, float],
) -> NoiseModel:
    """Return the noise of a processor, its qubits numbered in the processor's order.

    Parameters
    ----------
    empty : NoiseModel
        A model without rules.
    lab : Lab
    processor : str
    snapshot : Snapshot or None
        Laid over the values of lab.toml.
    readout : mapping of str to (2, 2)
        ``readout[name][i][j]`` is the probability to read j after preparing i; where none is given, that of the
        calibration holds.
    fidelities : mapping of str to float
        Average fidelity of a qubit's one-pulse gate (``q0``) or of a coupler's gate (``q0-q1``), 0 to 1; where none is
        given, that of the calibration holds.

    Returns
    -------
    NoiseModel
        Its `missing` names what neither the calibration nor the arguments say.

    Raises
    ------
    RequestError
        If a name is not the processor's, or a fidelity is impossible.
    """
    values = effective(lab, processor, snapshot)
    places = {name: i for i, name in enumerate(values.qubits)}
    for names, known, what in ((readout, places, "readout"), (fidelities, {*places, *values.couplers}, "fidelities")):
        for name in names:
            if name not in known:
                raise RequestError(f"{what}: {name} is neither a qubit nor a coupler of {processor} that can have one")
    fidelities = {**_measured(values), **fidelities}
    model = empty
    missing: list[str] = []
    for name, qubit in values.qubits.items():
        q = places[name]
        model = model.idle(qubit.t1_s, _t2_s(qubit), q).on(VIRTUAL, qubits=[q])
        model = model.on(None, *_pulses(qubit, 2, fidelities.get(name)), qubits=[q])
        model = model.on(ONE_PULSE, *_pulses(qubit, 1, fidelities.get(name)), qubits=[q])
        errors = _readout_errors(qubit)
        if name in readout:
            model = model.read(readout[name], q)
        elif errors is not None:
            model = model.read([[1 - errors[0], errors[0]], [errors[1], 1 - errors[1]]], q)
        else:
            missing.append(f"readout of {name}")
        if name not in fidelities:
            missing.append(f"fidelity of {name}")
    two = [op for op, spec in GATES.items() if spec.n_qubits == 2 and op not in ENTANGLING]
    for name, coupler in values.couplers.items():
        ends = [values.qubits[end] for end in coupler.qubits]
        pair = [places[end.name] for end in ends]
        relaxing = [_relaxing(end, _length_s(coupler)) for end in ends]
        model = model.on(ENTANGLING, *_joint(relaxing, fidelities.get(name), name), qubits=pair)
        longer = [_relaxing(end, _length_s(coupler) + 2 * _pulse_s(end)) for end in ends]
        model = model.on(two, *_joint(longer, fidelities.get(name), name), qubits=pair)
        if name not in fidelities:
            missing.append(f"fidelity of {name}")
    return replace(model, missing=tuple(missing))


def _measured(values: Values) -> dict[str, float]:
    """Return the average fidelities that the calibration has, by qubit and coupler."""
    pulses = {name: getattr(qubit, "drive", None) for name, qubit in values.qubits.items()}
    gates = {name: getattr(coupler, "cz", None) for name, coupler in values.couplers.items()}
    errors = {name: getattr(pulse, "error", UNSET) for name, pulse in (pulses | gates).items()}
    return {name: 1 - error for name, error in errors.items() if error is not UNSET}


def _readout_errors(qubit: Qubit) -> tuple[float, float] | None:
    """Return the probabilities to read 1 of state 0 and 0 of state 1, or None if no tune-up measured them."""
    spec = getattr(qubit, "readout", None)
    errors: list[Any] = [getattr(spec, name, UNSET) for name in ("error0", "error1")]
    return None if UNSET in errors else (float(errors[0]), float(errors[1]))


def _t2_s(qubit: Qubit) -> float:
    """Return T2, at most 2 T1: both were measured, each with its error."""
    return min(qubit.t2_s, 2 * qubit.t1_s)


def _pulse_s(qubit: Qubit) -> float:
    return qubit.drive.length_s if qubit.drive is not None else 0.0


def _length_s(coupler: Coupler) -> float:
    pulse = getattr(coupler, "cz", None) or getattr(coupler, "ms", None)
    return float(pulse.length_s) if pulse is not None else 0.0


def _relaxing(qubit: Qubit, time_s: float) -> Channel:
    return thermal_relaxation(qubit.t1_s, _t2_s(qubit), time_s)


def _pulses(qubit: Qubit, n_pulses: int, fidelity: float | None) -> tuple[Channel, ...]:
    one = _relaxing(qubit, _pulse_s(qubit))
    rest = _rest(one.superoperator, fidelity, qubit.name)
    whole = _relaxing(qubit, n_pulses * _pulse_s(qubit))
    return (whole, *(rest * n_pulses))


def _joint(relaxing: list[Channel], fidelity: float | None, name: str) -> tuple[Channel, ...]:
    """Return what two qubits suffer together: relaxation as one channel, then what else is lost."""
    first, second = relaxing
    operators = np.einsum("aij,bkl->abikjl", first.operators, second.operators)
    shape = (len(first.operators) * len(second.operators), 4, 4)
    both = Channel(f"relaxation of {name}", operators.reshape(shape))
    return (both, *_rest(both.superoperator, fidelity, name))


def _rest(relaxation: np.ndarray, fidelity: float | None, name: str) -> tuple[Channel, ...]:
    """Return the depolarising channel that lowers the average fidelity to the one given.

    A map with the trace t of its real matrix has the entanglement fidelity t / d² and the average fidelity
    (t / d + 1) / (d + 1). Source: Nielsen, Phys. Lett. A 303, 249 (2002).
    """
    if fidelity is None:
        return ()
    d2 = len(relaxation)
    d = d2**0.5
    wanted = (fidelity * (d + 1) - 1) * d
    shrink = (wanted - 1) / (float(np.trace(relaxation)) - 1)
    if not 0 < fidelity <= 1 or shrink < 0:
        raise RequestError(f"fidelities: {name} = {fidelity} is not an average fidelity of a gate, above 1/2")
    p = (1 - min(shrink, 1.0)) * (d2 - 1) / d2
    return (depolarising(p, 1 if d2 == 4 else 2),) if p > 0 else ()
