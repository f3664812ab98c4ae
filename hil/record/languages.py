"""What is said on a connection: bytes of either side cut into messages, one class for each language of instruments.

A record holds messages, not transports: a HiSLIP message and a line of a raw socket that say the same are the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Protocol

from qctl.errors import RequestError
from qctl.hil.instruments.modbus_firmware import request_size
from qctl.hil.instruments.scpi.stream import BLOCK, Message, Stream
from qctl.hil.instruments.trigger_packets import Deframer
from qctl.hil.record.frames import Framed, Frames
from qctl.hil.record.pyro import Pyro

__all__ = ["LANGUAGES", "WHOLE", "Cutter", "cutter_of", "whole"]


class Cutter(Protocol):
    """Cut what one connection carries into messages."""

    def sent(self, data: bytes) -> list[bytes]:
        """Take bytes on their way to the instrument, and return the messages that they complete."""
        ...

    def received(self, data: bytes) -> list[bytes]:
        """Take bytes on their way back, and return what is to be kept of them."""
        ...


def whole(message: Message) -> bytes:
    """Return a program message as bytes: its text, each block with its head, and a line feed."""
    pieces = message.text.encode("latin-1").split(BLOCK.encode())
    said = bytearray(pieces[0])
    for block, piece in zip(message.blocks, pieces[1:], strict=False):
        size = str(len(block)).encode()
        said += b"#%d%s" % (len(size), size)
        said += block
        said += piece
    return bytes(said) + b"\n"


class _KeepsAnswers:
    """Answers are kept as they come."""

    def received(self, data: bytes) -> list[bytes]:
        """Return the bytes."""
        return [data]


class Text(_KeepsAnswers):
    """Lines and IEEE 488.2 blocks on a raw socket or a serial line; answers are kept as they come."""

    def __init__(self) -> None:
        self._stream = Stream()

    def sent(self, data: bytes) -> list[bytes]:
        """Return whole program messages."""
        return [whole(message) for message in self._stream.feed(data)]


class Lines(_KeepsAnswers):
    """Lines of firmware that says what ends them; answers are kept as they come, echoes and checksums with them."""

    def __init__(self, end: bytes) -> None:
        self._end, self._got = end, bytearray()

    def sent(self, data: bytes) -> list[bytes]:
        """Return whole lines, their ends included."""
        self._got += data
        *lines, rest = bytes(self._got).split(self._end)
        self._got = bytearray(rest)
        return [line + self._end for line in lines]


class ModbusRtu(_KeepsAnswers):
    """Frames of a serial line, cut by their function and proved by their check; answers are kept as they come.

    What is damaged is left out, as units leave it unanswered.
    """

    def __init__(self) -> None:
        self._got = bytearray()

    def sent(self, data: bytes) -> list[bytes]:
        """Return whole requests."""
        self._got += data
        found = []
        while size := request_size(self._got):
            if size > 0:
                found.append(bytes(self._got[:size]))
            del self._got[: size if size > 0 else None]
        return found


class ModbusTcp(Framed):
    """Frames of a socket: a head with a number, a length and the unit, then function and content."""

    _HEAD = struct.Struct(">HHHB")

    def __init__(self) -> None:
        super().__init__(self._size_at)

    def _size_at(self, got: bytearray, place: int) -> int:
        if len(got) < place + self._HEAD.size:
            return 0
        return 6 + int(self._HEAD.unpack_from(got, place)[2])


class Firmware:
    """Packets of the firmware link, framed by zeros; damaged ones are left out, as both ends leave them."""

    def __init__(self) -> None:
        self._there, self._back = Deframer(), Deframer()

    def sent(self, data: bytes) -> list[bytes]:
        """Return whole frames."""
        return self._there.feed(data)

    def received(self, data: bytes) -> list[bytes]:
        """Return whole frames."""
        return self._back.feed(data)


class Http:
    """Requests and answers with a length, on a connection that stays open."""

    def __init__(self) -> None:
        self._there, self._back = bytearray(), bytearray()

    def sent(self, data: bytes) -> list[bytes]:
        """Return whole requests: their first line and body, without the fields, that tell of the connection."""
        return [head.partition(b"\r\n")[0].rpartition(b" ")[0] + b"\n" + body for head, body in _cut(self._there, data)]

    def received(self, data: bytes) -> list[bytes]:
        """Return whole answers: status and body."""
        return [head.split(b" ", 2)[1] + b"\n" + body for head, body in _cut(self._back, data)]


def _cut(got: bytearray, data: bytes) -> list[tuple[bytes, bytes]]:
    """Return heads and bodies of the whole HTTP messages."""
    got += data
    found = []
    while (end := got.find(b"\r\n\r\n")) >= 0:
        head = bytes(got[:end])
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length" and value.strip().isdigit():
                length = int(value)
        if len(got) < end + 4 + length:
            break
        found.append((head, bytes(got[end + 4 : end + 4 + length])))
        del got[: end + 4 + length]
    return found


class Hislip:
    """The payloads of Data and DataEnd of either channel; what else HiSLIP says is of the transport.

    Source: IVI-6.1, revision 1.1, table 4.
    """

    _HEAD = struct.Struct("!2sBBIQ")
    _DATA, _DATA_END, _TRIGGER = 6, 7, 12

    def __init__(self) -> None:
        self._stream = Stream(framed=True)
        self._there, self._back = Frames(self._size_at), Frames(self._size_at)

    def sent(self, data: bytes) -> list[bytes]:
        """Return whole program messages."""
        found: list[Message] = []
        for kind, payload in map(self._parted, self._there.feed(data)):
            if kind == self._TRIGGER:
                found.append(Message("*TRG"))
            elif kind in (self._DATA, self._DATA_END):
                found += self._stream.feed(payload)
                found += self._stream.end() if kind == self._DATA_END else []
        return [whole(message) for message in found]

    def received(self, data: bytes) -> list[bytes]:
        """Return the pieces of answers."""
        kinds = (self._DATA, self._DATA_END)
        return [payload for kind, payload in map(self._parted, self._back.feed(data)) if kind in kinds]

    def _size_at(self, got: bytearray, place: int) -> int:
        if len(got) < place + self._HEAD.size:
            return 0
        return self._HEAD.size + int(self._HEAD.unpack_from(got, place)[4])

    def _parted(self, message: bytes) -> tuple[int, bytes]:
        """Return a message's kind and payload."""
        return int(self._HEAD.unpack_from(message)[1]), message[self._HEAD.size :]


LANGUAGES: dict[str, Callable[[], Cutter]] = {
    "text": Text,
    "hislip": Hislip,
    "http": Http,
    "firmware": Firmware,
    "modbus": ModbusRtu,
    "modbus-tcp": ModbusTcp,
    "pyro": Pyro,
}
"""Languages by name; beside them there is ``lines``, whose lines end as the instrument says."""


WHOLE = frozenset({"lines", "modbus", "modbus-tcp", "pyro"})
"""Languages whose messages are kept as they stand on the wire, so that one by itself is cut to itself."""


def cutter_of(language: str, end: str = "\n") -> Cutter:
    """Return what cuts a new connection's bytes.

    Parameters
    ----------
    language : str
        One of `LANGUAGES`, or ``lines``.
    end : str
        What ends a message, of ``lines``.

    Raises
    ------
    RequestError
        If nothing here knows the language.
    """
    if language == "lines":
        return Lines(end.encode("ascii"))
    if language not in LANGUAGES:
        raise RequestError(f"language {language!r} is not one of {', '.join((*LANGUAGES, 'lines'))}")
    return LANGUAGES[language]()
