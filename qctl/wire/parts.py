"""Messages of the wire protocol as bytes: `[magic + version, msgpack head, *raw buffers]`; no sockets here.

Every head is a msgpack map whose key ``verb`` names it and whose key ``id`` pairs a reply with its
request. The byte tables and test vectors are in docs/wire.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from qctl.errors import InternalError, QctlError, RequestError, VersionError, WireError, error_from_wire
from qctl.wire.messages import ArrayPart, Error, Event, Reply, Request

__all__ = [
    "EVENTS",
    "MAGIC",
    "MAX_HEAD_BYTES",
    "MAX_REPLY_HEAD_BYTES",
    "REPLIES",
    "REQUESTS",
    "WIRE_VERSION",
    "Parts",
    "array_from_part",
    "check_magic",
    "check_release",
    "error_reply",
    "internal_error",
    "pack",
    "raise_error",
    "unpack_event",
    "unpack_reply",
    "unpack_request",
]

WIRE_VERSION = 1
MAGIC = b"qctl" + bytes([WIRE_VERSION])
MAX_HEAD_BYTES = 1 << 20
MAX_REPLY_HEAD_BYTES = 1 << 28

Parts: TypeAlias = Sequence[Any]
REQUESTS = msgspec.msgpack.Decoder(Request)
REPLIES = msgspec.msgpack.Decoder(Reply)
EVENTS = msgspec.msgpack.Decoder(Event)


def _plain(value: Any) -> Any:
    """Return a number of NumPy's as Python's: a loop over an array sets such."""
    if isinstance(value, np.generic) and not isinstance(value, np.complexfloating):
        return value.item()
    raise RequestError(f"a {type(value).__name__} can't be sent")


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain)


def pack(head: Struct, buffers: Sequence[Any] = ()) -> list[Any]:
    """Return the parts of a message; buffers are handed on without a copy.

    Raises
    ------
    RequestError
        If a number of the head doesn't fit 64 bits.
    """
    try:
        return [MAGIC, _ENCODER.encode(head), *buffers]
    except OverflowError:
        large = [f"{name} = {value}" for name, value in structs.asdict(head).items() if _is_large(value)]
        raise RequestError(f"{', '.join(large) or 'a number'} is outside of 64 bits") from None


def _is_large(value: object) -> bool:
    return isinstance(value, int) and not -(2**63) <= value < 2**64


def check_magic(part: Any, peer: str = "the peer") -> None:
    """Refuse a first part that is not qctl's, or not this version's.

    Raises
    ------
    VersionError
        If it is qctl's, in another version; names both and the remedy.
    WireError
        If it is anything else.
    """
    magic = bytes(part)
    if magic == MAGIC:
        return
    if len(magic) == 5 and magic.startswith(b"qctl"):
        older = "this side" if magic[4] > WIRE_VERSION else peer
        raise VersionError(
            f"this side speaks version {WIRE_VERSION} of qctl's wire protocol and {peer} version {magic[4]}: "
            f"update qctl at {older}",
            ours=WIRE_VERSION,
            theirs=magic[4],
        )
    raise WireError(f"the first part is {magic[:8]!r} ({len(magic)} bytes) and not {MAGIC!r}")


def check_release(client: str, server: str) -> None:
    """Refuse releases that don't fit: major and minor number must be equal.

    Raises
    ------
    VersionError
        Naming both sides and the remedy in one sentence.
    """
    if client.split(".")[:2] != server.split(".")[:2]:
        raise VersionError(
            f"the client is qctl {client or 'of unknown release'} and the server qctl {server}, which do not fit: "
            f"install qctl {server} where the client runs, or restart the server with the client's release",
            client=client,
            server=server,
        )


def _unpack(
    parts: Parts, decoder: msgspec.msgpack.Decoder[Any], peer: str, most_bytes: int = MAX_HEAD_BYTES
) -> tuple[Any, Parts]:
    if len(parts) < 2:
        raise WireError(f"a message has at least 2 parts, this one has {len(parts)}")
    check_magic(parts[0], peer)
    head = memoryview(parts[1])
    if head.nbytes > most_bytes:
        raise WireError(f"the head is {head.nbytes} bytes, over {most_bytes}")
    try:
        return decoder.decode(head), parts[2:]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise WireError(f"the head can't be read: {problem}") from problem


def unpack_request(parts: Parts) -> tuple[Any, Parts]:
    """Return the request and the raw buffers of a message that a client sent."""
    return _unpack(parts, REQUESTS, "the client")


def unpack_reply(parts: Parts) -> tuple[Any, Parts]:
    """Return the reply and the raw buffers of a message that a server sent."""
    return _unpack(parts, REPLIES, "the server", MAX_REPLY_HEAD_BYTES)


def unpack_event(parts: Parts) -> Event:
    """Return the event in `[topic, magic, head]`."""
    event: Event = _unpack(parts[1:], EVENTS, "the server")[0]
    return event


def error_reply(error: QctlError, request_id: int = 0, job: int | None = None) -> Error:
    """Return the error as code, message, job and details; never a traceback, never a class name."""
    details = {str(key): value for key, value in error.details.items()}
    try:
        _ENCODER.encode(details)
    except (RequestError, TypeError, OverflowError):
        details = {key: str(value) for key, value in details.items()}
    if job is None:
        job = details.get("job")
    return Error(id=request_id, code=error.code, message=error.message, job=job, details=details)


def raise_error(reply: Error) -> None:
    """Raise the error that a reply names, with the job among its details."""
    details = dict(reply.details)
    if reply.job is not None:
        details["job"] = reply.job
    raise error_from_wire(reply.code, reply.message, details)


def array_from_part(description: ArrayPart, buffers: Parts) -> NDArray[Any]:
    """Return the array that a raw buffer holds, as a view of the buffer.

    Raises
    ------
    WireError
        If the buffer is missing or its size is not what dtype and shape say.
    """
    if not 0 <= description.part < len(buffers):
        raise WireError(f"array {description.slot!r} is in part {description.part} of {len(buffers)}")
    buffer = memoryview(buffers[description.part])
    try:
        dtype = np.dtype(description.dtype)
    except TypeError as problem:
        raise WireError(f"array {description.slot!r} has the unknown dtype {description.dtype!r}") from problem
    n_bytes = dtype.itemsize * int(np.prod(description.shape, dtype=object))
    if dtype.hasobject or buffer.nbytes != n_bytes:
        raise WireError(f"array {description.slot!r} needs {n_bytes} bytes, its part has {buffer.nbytes}")
    return np.frombuffer(buffer, dtype).reshape(description.shape)


def internal_error(problem: BaseException, where: str) -> InternalError:
    """Return the InternalError that a peer is told of when a request ends in a bug."""
    return InternalError(f"{where} failed inside qctl ({type(problem).__name__}: {problem}); please report it")
