"""The nodes of a UHFQA: an AWG with two outputs and, behind two inputs, integrators that give one real number each.

A result takes two of them, 2k and 2k + 1: one with input 1 as the real and input 2 as the imaginary part, one with both
changed over. Each multiplies its two sums, taken as one complex number, with its rotation, and logs the real part; with
rotations 1 + j and 1 - j these are the real and the imaginary part of the sum of weights times (input 1 + j input 2).

Source: laboneq 26.7, ``controller/devices/uhfqa_awg.py`` (sources, rotations, result source, trigger of the
integration), ``device_uhfqa.py`` (ranges, delay, reference); UHFQA user manual, Node documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.zurich.body import Readout

__all__ = ["MODEL", "OFF", "PLACE", "RESULT", "on_settings", "readout_settings", "results_of", "weight_settings"]

MODEL = "zurich-uhfqa"
PLACE, RESULT = "awgs/0", "qas/0/result"
_WEIGHTS = "qas/0/integration/weights"
_OF_AWG, _ROTATED = 7, 2
"""qas/0/integration/trigger/channel: startQA; qas/0/result/source: behind the rotation."""
_ROTATIONS = (1 + 1j, 1 - 1j)
Setting = tuple[str, Any]
OFF: tuple[Setting, ...] = (
    ("awgs/0/enable", 0),
    (f"{RESULT}/enable", 0),
    ("sigouts/*/on", 0),
    ("sigouts/*/offset", 0.0),
    ("sigins/*/on", 0),
)
"""What brings outputs, inputs, sequencer and logger to rest."""


def readout_settings(one: Readout) -> list[Setting]:
    """Return what outputs, inputs, integrators and the logger are set to; ranges are peak voltages."""
    found: list[Setting] = []
    for output, range_v in zip(one.outputs, one.range_v, strict=True):
        place = f"sigouts/{output - 1}"
        found += [(f"{place}/range", range_v / 2), (f"{place}/imp50", 1), (f"{place}/offset", 0.0)]
        found += [(f"awgs/0/outputs/{output - 1}/mode", 0), (f"awgs/0/outputs/{output - 1}/amplitude", 1.0)]
    for number, input_v in zip(one.inputs, one.input_v, strict=True):
        found += [(f"sigins/{number - 1}/range", input_v / 2), (f"sigins/{number - 1}/imp50", 1)]
    if not one.integrators:
        return found
    found += [
        ("qas/0/integration/mode", 0),
        ("qas/0/integration/length", one.length_samples),
        ("qas/0/integration/trigger/channel", _OF_AWG),
        ("qas/0/delay", one.delay_samples),
        (f"{RESULT}/source", _ROTATED),
        (f"{RESULT}/mode", 0),
        (f"{RESULT}/length", one.n_results),
        (f"{RESULT}/averages", one.n_averages),
    ]
    for k in one.integrators:
        for side, rotation in enumerate(_ROTATIONS):
            found.append((f"qas/0/integration/sources/{2 * k.index + side}", side))
            found.append((f"qas/0/rotations/{2 * k.index + side}", rotation))
    return found


def on_settings(one: Readout) -> list[Setting]:
    """Return what switches connectors on, and the logger, emptied before."""
    found: list[Setting] = [(f"sigouts/{output - 1}/on", 1) for output in one.outputs]
    if one.integrators:
        found += [(f"sigins/{number - 1}/on", 1) for number in one.inputs]
        found += [(f"{RESULT}/reset", 1), (f"{RESULT}/enable", 1)]
    return found


def weight_settings(index: int, weights: NDArray[np.float64]) -> list[Setting]:
    """Return where the weights of a result go, (n, 2) real and imaginary parts: to both of its integrators."""
    parts = (("real", weights[:, 0]), ("imag", weights[:, 1]))
    return [
        (f"{_WEIGHTS}/{2 * index + side}/{name}", np.ascontiguousarray(part)) for side in (0, 1) for name, part in parts
    ]


def results_of(one: Readout, found: Mapping[str, Any]) -> dict[int, NDArray[np.complex128]]:
    """Return the results by integrator of a program, from the vectors by node."""
    real, imaginary = (
        {k.index: np.asarray(found[f"{RESULT}/data/{2 * k.index + side}/wave"], np.float64) for k in one.integrators}
        for side in (0, 1)
    )
    return {index: part + 1j * imaginary[index] for index, part in real.items()}
