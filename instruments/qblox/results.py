"""Bins of a Qblox acquisition: from the bytes that a module sends to volts.

Source: qblox-instruments 1.4.1, how its client reads ``ACQuisition:DATA?``: three blocks of scope for each input path,
then one of bins, whose sums are in units of 1/2048 squared of the input's range, or twice that (``BINNED_ACQUISITION_
SCALING_QRC``); QRM data sheet (1 Vpp at 0 dB, taken for all).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceError
from qctl.instruments.capability import limit
from qctl.instruments.point_by_point import by_shot
from qctl.instruments.qblox import capabilities as can
from qctl.instruments.qblox.body import Sequencer

__all__ = ["RANGE_V", "columns", "n_blocks", "norm_of", "unit_of", "volts"]

_BIN = np.dtype([("valid", "<u8"), ("path0", "<i8"), ("path1", "<i8"), ("threshold", "<u4"), ("count", "<u4")])
RANGE_V = 0.5
"""Volts of the input's full scale at 0 dB."""
_STEPS = 2048.0**2


def n_blocks(model: str) -> int:
    """Return the blocks of one acquisition: samples, overrange and count of each path's scope, then the bins."""
    n_inputs = limit(can.TABLES[model], "channels.input.number").most
    return 3 * (2 * n_inputs if model in can.RF else n_inputs) + 1


def unit_of(model: str) -> float:
    """Return what one of a bin's sums, and of a threshold, is worth beside that of a QRM."""
    return 2.0 if model == can.QRC else 1.0


def volts(block: bytes | memoryview, norm: float, gain_db: float, unit: float = 1.0) -> NDArray[np.complex128]:
    """Return (n_bins,) mean of each bin, in volts at the input; NaN where nothing was measured.

    Parameters
    ----------
    block : bytes
        The last block.
    norm : float
        Sum of the weights' magnitudes: a constant voltage gives itself.
    gain_db : float
        Of the input.
    unit : float
        Of the model, as `unit_of` says.

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
    scale = unit * RANGE_V / (_STEPS * norm * 10 ** (gain_db / 20))
    found = np.full(len(bins), np.nan + 0j)
    found[filled] = sums[filled] / bins["count"][filled] * scale
    return found


def norm_of(one: Sequencer, slot: str, blobs: Mapping[str, NDArray[np.generic]]) -> float:
    """Return the sum of the magnitudes of a result's weights."""
    index = one.acquisitions[slot].weights
    if index < 0:
        return float(one.integration_ns)
    digests = one.weights[index], one.weights[index + 1]
    i, q = (blobs[digest].astype(np.float64) / can.FULL_SCALE for digest in digests)
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
