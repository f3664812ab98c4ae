"""Bins of a Qblox acquisition: from the bytes that a module sends to volts.

Source: qblox-instruments 1.4.1, how its client reads ``ACQuisition:DATA?``: three blocks of scope for each input path,
then one of bins, whose sums are in units of 1/2048 squared of the input's range; QRM data sheet (1 Vpp at 0 dB).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceError
from qctl.instruments.point_by_point import by_shot
from qctl.instruments.qblox.body import Sequencer
from qctl.instruments.qblox.capabilities import FULL_SCALE

__all__ = ["N_BLOCKS", "RANGE_V", "columns", "norm_of", "volts"]

N_BLOCKS = 7
"""Blocks of one acquisition of a QRM: samples, overrange and count of both paths' scope, then the bins."""

_BIN = np.dtype([("valid", "<u8"), ("path0", "<i8"), ("path1", "<i8"), ("threshold", "<u4"), ("count", "<u4")])
RANGE_V = 0.5
"""Volts of the input's full scale at 0 dB."""
_STEPS = 2048.0**2


def volts(block: bytes | memoryview, norm: float, gain_db: float) -> NDArray[np.complex128]:
    """Return (n_bins,) mean of each bin, in volts at the input; NaN where nothing was measured.

    Parameters
    ----------
    block : bytes
        The last block.
    norm : float
        Sum of the weights' magnitudes: a constant voltage gives itself.
    gain_db : float
        Of the input.

    Raises
    ------
    DeviceError
        If the block is no whole number of bins.
    """
    if len(block) % _BIN.itemsize:
        raise DeviceError(f"{len(block)} bytes are no whole number of bins")
    bins = np.frombuffer(block, _BIN)
    filled = (bins["valid"] > 0) & (bins["count"] > 0)
    sums = bins["path0"] + 1j * bins["path1"]
    scale = RANGE_V / (_STEPS * norm * 10 ** (gain_db / 20))
    found = np.full(len(bins), np.nan + 0j)
    found[filled] = sums[filled] / bins["count"][filled] * scale
    return found


def norm_of(one: Sequencer, slot: str, blobs: Mapping[str, NDArray[np.generic]]) -> float:
    """Return the sum of the magnitudes of a result's weights."""
    index = one.acquisitions[slot].weights
    if index < 0:
        return float(one.integration_ns)
    digests = one.weights[index], one.weights[index + 1]
    i, q = (blobs[digest].astype(np.float64) / FULL_SCALE for digest in digests)
    return float(np.abs(i if digests[0] == digests[1] else i + 1j * q).sum())


def columns(bins: NDArray[np.complex128], n_records: int, point_captures: Sequence[int] = ()) -> NDArray[np.complex128]:
    """Return (n_records, n_columns) of an acquisition: what was filled, record by record.

    `point_captures` are as `body.Sequencer` has them.

    Raises
    ------
    DeviceError
        If records have differently many.
    """
    if not len(bins) or len(bins) % n_records:
        raise DeviceError(f"{len(bins)} bins are no {n_records} records")
    table = by_shot(bins, n_records, point_captures) if point_captures else bins.reshape(n_records, -1)
    filled = ~np.isnan(table.real)
    if not (filled == filled[0]).all():
        raise DeviceError("records have differently many values")
    return np.ascontiguousarray(table[:, filled[0]])
