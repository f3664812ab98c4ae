"""Independent judge of sequences for neutral atoms: Pulser reads them, samples them and simulates them with QuTiP."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from pulser import Sequence
from pulser.json.abstract_repr.validation import validate_abstract_repr
from pulser.sampler import sample
from pulser_simulation import QutipEmulator

from qctl.instruments.atoms.body import PulserBody, PulserSequence


def built(one: PulserSequence, point: int) -> Any:
    """Return a point's sequence as Pulser reads it: schema, then the rules of the device, then the variables."""
    validate_abstract_repr(one.text, "sequence")
    sequence = Sequence.from_abstract_repr(one.text)
    if not one.variables:
        return sequence
    k = one.points.index(point)
    kinds = {name: v.dtype for name, v in sequence.declared_variables.items()}
    return sequence.build(**{name: kinds[name](values[k]) for name, values in one.variables.items()})


def of_point(body: PulserBody, point: int) -> Any:
    """Return the sequence of one point."""
    return built(next(one for one in body.sequences if point in one.points), point)


def played(sequence: Any) -> dict[str, dict[str, np.ndarray]]:
    """Return what each channel plays, ns by ns: amplitude and detuning in rad/us, phase in rad."""
    samples = sample(sequence)
    return {
        name: {
            "amplitude": np.asarray(one.amp.as_array()),
            "detuning": np.asarray(one.det.as_array()),
            "phase": np.asarray(one.phase.as_array()),
        }
        for name, one in samples.channel_samples.items()
    }


def state(sequence: Any, rate: float = 1.0) -> np.ndarray:
    """Return the final state vector; an atom's levels are r before g before h, those that a beam drives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what follows it has no state vector to ask for
        emulator = QutipEmulator.from_sequence(sequence, sampling_rate=rate)
    return np.asarray(emulator.run().get_final_state().full()).ravel()
