"""Timed lines of sx on two qubits, each behind an rz of its own, whose angles may be set anew."""

import numpy as np

from qctl.cext.patch import Turns

ROW = np.dtype([("op", "<u2"), ("flags", "<u2"), ("a", "<u4"), ("b", "<u4"), ("c", "<u4")])
PLAY = np.dtype(
    [("port", "<u4"), ("waveform", "<u4"), ("start", "<i8")]
    + [(name, "<f8") for name in ("amplitude", "frequency_hz", "phase_rad")]
)
SX, RZ = 0x109, 0x10E


def turned_lines(points, angles):
    """Return what sets angles, all plays with their phases, where those of each point begin, and the rz.

    Parameters
    ----------
    points : list of list of int
        For each point, the qubit of each pulse in turn; it plays on the port of that number.
    angles : sequence of float
        Of all rz.
    """
    qubits = [q for point in points for q in point]
    rows = np.zeros(2 * len(qubits), ROW)
    rows["op"] = [RZ, SX] * len(qubits)
    rows["flags"] = [1, 0] * len(qubits)
    rows["a"] = np.repeat(qubits, 2)
    rows["b"][::2], rows["c"][::2] = np.array(angles, float).view("<u4").reshape(-1, 2).T
    sizes = [len(point) for point in points]
    bounds, n = np.cumsum([0, *sizes]), len(points)
    plays = np.zeros(len(qubits), PLAY)
    plays["port"] = qubits
    counts = np.zeros((n, 4), np.int64)
    counts[:, 0], counts[:, 1] = 2 * np.array(sizes), sizes
    order = np.concatenate([np.arange(2 * size, dtype=np.int32) for size in sizes])
    table = np.array([[0, 0, 0, -1, 0, 0, 0, 0, 0], [0, 0, 1, -1, 0, 0, 0, 0, 0]], np.int32)
    none = np.full((2, 2), -1, np.int32)
    phases = np.zeros(2)
    for k, (q, angle) in enumerate(zip(qubits, angles, strict=True)):
        phases = phases if k not in bounds else np.zeros(2)
        phases[q] -= angle
        plays["phase_rad"][k] = phases[q]
    turns = Turns(
        rows, 2 * bounds, np.arange(2, dtype=np.int32), table, none, np.empty((0, 5), np.int32), np.empty((0, 3)), 2,
        order, counts, plays,
    )  # fmt: skip
    return turns, plays, bounds, 2 * np.arange(len(qubits))
