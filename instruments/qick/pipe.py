"""Messages between a driver and its Pyro client's process: four bytes of length, then msgpack, and never a pickle."""

from __future__ import annotations

import socket
import time
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.errors import WireError

__all__ = ["MOST_BYTES", "receive", "send"]

MOST_BYTES = 1 << 28
_ARRAY = 1
_KINDS = {"i2": np.int16, "i4": np.int32, "i8": np.int64, "f8": np.float64}


def _packed(value: Any) -> Any:
    """Return an array as kind, number of axes, their lengths, and its values; numbers of numpy's as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray):
        raise WireError(f"a {type(value).__name__} can't be sent")
    kind = value.dtype.str[1:]
    if kind not in _KINDS:
        raise WireError(f"an array of {value.dtype} can't be sent")
    values = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
    shape = np.array([values.ndim, *values.shape], "<i8").tobytes()
    return msgspec.msgpack.Ext(_ARRAY, kind.encode() + shape + values.tobytes())


def _unpacked(code: int, data: memoryview) -> NDArray[Any]:
    kind = _KINDS.get(bytes(data[:2]).decode("ascii", "replace"))
    if code != _ARRAY or kind is None or len(data) < 10:
        raise WireError(f"extension {code} of {len(data)} bytes is no array")
    n_axes = int(np.frombuffer(data[2:10], "<i8")[0])
    shape = np.frombuffer(data[10 : 10 + 8 * n_axes], "<i8").tolist() if 0 <= n_axes <= 4 else []
    values = np.frombuffer(data[10 + 8 * n_axes :], np.dtype(kind).newbyteorder("<")) if len(shape) == n_axes else None
    if values is None or values.size != int(np.prod(shape)):
        raise WireError(f"an array of {len(data)} bytes does not fill {n_axes} axes {shape}")
    return values.reshape(shape)


_encoder = msgspec.msgpack.Encoder(enc_hook=_packed)
_decoder = msgspec.msgpack.Decoder(dict[str, Any], ext_hook=_unpacked)


def send(end: socket.socket, message: dict[str, Any]) -> None:
    """Send one message.

    Raises
    ------
    WireError
        If something in it is no plain value or array, or it is over MOST_BYTES.
    OSError
        If the other end is gone.
    """
    try:
        body = _encoder.encode(message)
    except (TypeError, OverflowError) as error:
        raise WireError(f"{error}") from error
    if len(body) > MOST_BYTES:
        raise WireError(f"a message of {len(body)} bytes is over {MOST_BYTES}")
    end.sendall(len(body).to_bytes(4, "little") + body)


def receive(end: socket.socket, timeout_s: float | None = None) -> dict[str, Any] | None:
    """Return the next message, None when the other end has closed.

    Raises
    ------
    TimeoutError
        If it isn't there in time; what came of it is lost, and so is the pipe.
    WireError
        If it is none.
    """
    until_s = None if timeout_s is None else time.monotonic() + timeout_s
    head = _whole(end, 4, until_s)
    if head is None:
        return None
    n_bytes = int.from_bytes(head, "little")
    if n_bytes > MOST_BYTES:
        raise WireError(f"a message of {n_bytes} bytes is over {MOST_BYTES}")
    body = _whole(end, n_bytes, until_s)
    if body is None:
        return None
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"a message is no msgpack map: {error}") from error


def _whole(end: socket.socket, n_bytes: int, until_s: float | None) -> bytearray | None:
    """Return so many bytes, None when the other end closes before."""
    found = bytearray(n_bytes)
    view, n = memoryview(found), 0
    while n < n_bytes:
        if until_s is not None:
            end.settimeout(max(1e-3, until_s - time.monotonic()))
        got = end.recv_into(view[n:])
        if not got:
            return None
        n += got
    return found
