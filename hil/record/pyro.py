"""Calls of a QICK board's Pyro client and their answers: cut, named and led to another address; no pickle is loaded.

What a pickle says is read from its opcodes, which runs nothing. A record has the answers as they came, and the client
that reads them is confined as with a board.

Source: Pyro4 4.82 (``message.py``: head, kinds, checksum; ``core.py``: state of an URI); Python's ``pickletools``.
"""

from __future__ import annotations

import itertools
import pickletools
import struct
from collections.abc import Iterator
from typing import Any

from qctl.hil.record.frames import Framed

__all__ = ["Pyro", "body", "called", "leads_to", "led_to", "renumbered"]

_HEAD = struct.Struct("!4sHHHHiHHHH")
_CHECKSUM_MAGIC = 0x34E9
_CONNECT, _INVOKE = 1, 4
_MOST_SHOWN = 12
_TEXTS, _NUMBERS = ("SHORT_BINUNICODE", "BINUNICODE"), ("BININT", "BININT1", "BININT2")
_VALUES = (*_TEXTS, *_NUMBERS, "LONG1", "BINFLOAT")
_VERSION = 48


class Pyro(Framed):
    """Messages of one connection, each with its head."""

    def __init__(self) -> None:
        super().__init__(_size_at)


def _size_at(got: bytearray, place: int) -> int:
    if len(got) < place + _HEAD.size:
        return 0
    _, _, _, _, _, n_data, _, n_notes, _, _ = _HEAD.unpack_from(got, place)
    return _HEAD.size + int(n_notes) + max(int(n_data), 0)


def body(message: bytes) -> bytes:
    """Return what a message carries behind its head and notes."""
    return message[_HEAD.size + _HEAD.unpack_from(message)[7] :]


def called(message: bytes) -> tuple[str, str, list[Any]]:
    """Return the object that a request is to, the method, and the first values among its arguments.

    A connection is opened to an object by no method; what is neither has empty names.
    """
    kind = _HEAD.unpack_from(message)[2]
    values = _values(body(message))
    if kind == _CONNECT:
        texts = [value for value in itertools.islice(values, _MOST_SHOWN) if isinstance(value, str)]
        return (texts[texts.index("object") + 1] if "object" in texts[:-1] else ""), "", []
    if kind != _INVOKE:
        return "", "", []
    first = list(itertools.islice(values, 2 + _MOST_SHOWN))
    return str(first[0]) if first else "", str(first[1]) if len(first) > 1 else "", first[2:]


def leads_to(answer: bytes) -> tuple[str, str, int] | None:
    """Return the object, host and port that a name server's answer leads to; None where it leads nowhere."""
    found = list(_values(body(answer)))
    texts = [value for value in found if isinstance(value, str)]
    ports = [value for value in found if isinstance(value, int)]
    return (texts[-2], texts[-1], ports[-1]) if "URI" in texts[:-2] and ports else None


def led_to(answer: bytes, host: str, port: int) -> bytes:
    """Return a name server's answer with another host and port in it."""
    data = body(answer)
    ops = _ops(data)
    texts = [place for name, _, place, _ in ops if name in _TEXTS]
    numbers = [place for name, _, place, _ in ops if name in _NUMBERS]
    if leads_to(answer) is None:
        return answer
    made = bytearray()
    for name, _, place, end in ops:
        if place == texts[-1]:
            made += b"X" + struct.pack("<I", len(host.encode())) + host.encode()
        elif place == numbers[-1]:
            made += b"J" + struct.pack("<i", port)
        elif name != "FRAME":  # frames are for speed, and would have other lengths
            made += data[place:end]
    head = _HEAD.unpack_from(answer)
    return _put_head(head[2], head[3], head[4], head[6], bytes(made))


def renumbered(answer: bytes, asked: bytes) -> bytes:
    """Return a recorded answer with the number of a new request."""
    head = _HEAD.unpack_from(answer)
    return _put_head(head[2], head[3], _HEAD.unpack_from(asked)[4], head[6], body(answer))


def _put_head(kind: int, flags: int, number: int, serializer: int, data: bytes) -> bytes:
    total = kind + _VERSION + len(data) + serializer + flags + number + _CHECKSUM_MAGIC
    return _HEAD.pack(b"PYRO", _VERSION, kind, flags, number, len(data), serializer, 0, 0, total & 0xFFFF) + data


def _ops(data: bytes) -> list[tuple[str, Any, int, int]]:
    """Return name, argument, place and end of every opcode of a pickle; none of what is no pickle."""
    try:
        found = [(op.name, value, place or 0) for op, value, place in pickletools.genops(data)]
    except ValueError:
        return []
    ends = [place for _, _, place in found[1:]] + [len(data)]
    return [(name, value, place, end) for (name, value, place), end in zip(found, ends, strict=True)]


def _values(data: bytes) -> Iterator[Any]:
    """Yield texts and numbers of a pickle, in order."""
    try:
        for op, value, _ in pickletools.genops(data):
            if op.name in _VALUES:
                yield value
    except ValueError:
        return
