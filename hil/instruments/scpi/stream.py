"""Cuts a byte stream into program messages; definite-length blocks pass at memory speed, whatever is in them.

A message whose block is followed at once by the next command, its terminator forgotten, ends with the block: drivers
made for links that mark message ends (GPIB, VXI-11) write such messages.

Source: IEEE 488.2-1992, 7.7.6 (arbitrary block program data) and 7.5 (terminators).
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["BLOCK", "Message", "Stream"]

BLOCK = "\x01"
"""Stands in a message's text where a block was."""

_SHORT = 256


class Message(NamedTuple):
    """One program message.

    Attributes
    ----------
    text : str
        The text without its terminator; each block is the character `BLOCK`.
    blocks : tuple of bytearray
        Block contents in order.
    error : int
        SCPI error number of a message that could not be read whole, else 0.
    """

    text: str
    blocks: tuple[bytearray, ...] = ()
    error: int = 0


class Stream:
    """Collect bytes until whole messages are there.

    Parameters
    ----------
    framed : bool
        True when the transport marks message ends itself (HiSLIP): an indefinite block then runs to `end`.
    max_text : int
        Bytes of text that one message may have.
    max_block : int
        Bytes that one block may have; a longer one is skipped and refused with -223.
    """

    def __init__(self, framed: bool = False, max_text: int = 1 << 20, max_block: int = 1 << 28) -> None:
        self._framed = framed
        self._max_text = max_text
        self._max_block = max_block
        self.clear()

    def clear(self) -> None:
        """Forget everything that is half read."""
        self._text = bytearray()
        self._head = bytearray()
        self._blocks: list[bytearray] = []
        self._block: bytearray | None = None
        self._filled = 0
        self._skip = 0
        self._open_end = False
        self._error = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is half read."""
        return not (self._text or self._head or self._blocks or self._skip or self._error) and self._block is None

    def feed(self, data: bytes | bytearray | memoryview) -> list[Message]:
        """Take bytes and return the messages that they complete."""
        found: list[Message] = []
        if self.idle:
            raw = bytes(data)
            if b"#" not in raw and b"\x01" not in raw:
                lines = raw.split(b"\n")
                self._text += lines.pop()
                if len(self._text) > self._max_text:
                    self._overrun()
                for line in lines:
                    text = line.decode("latin-1").strip()
                    if text:
                        found.append(Message(text))
                return found
            data = raw
        view = memoryview(data)
        raw = data if isinstance(data, bytes) else bytes(data) if self._block is None else b""
        position, size = 0, len(view)
        while position < size:
            if self._skip:
                step = min(self._skip, size - position)
                self._skip -= step
                position += step
            elif self._block is not None and not self._open_end:
                step = min(len(self._block) - self._filled, size - position)
                self._block[self._filled : self._filled + step] = view[position : position + step]
                self._filled += step
                position += step
                if self._filled == len(self._block):
                    self._close_block()
            else:
                raw = raw or bytes(view)
                position = self._whole(raw, position, found) or self._take(raw, position, found)
        return found

    def end(self) -> list[Message]:
        """End the current message, as the transport's END does."""
        if self._skip or (self._block is not None and not self._open_end):
            self._skip, self._block, self._error = 0, None, self._error or -161
        return [message] if (message := self._finish()) else []

    def _whole(self, raw: bytes, position: int, found: list[Message]) -> int:
        """Take the message that begins here if it has one block at its end and is all there; return where it ends."""
        if self._text or self._head or self._blocks or self._block is not None:
            return 0
        mark = raw.find(b"#", position, position + _SHORT)
        digits = raw[mark + 1] - 48 if 0 < mark < len(raw) - 1 else 0
        if not 1 <= digits <= 9:
            return 0
        prefix, length = raw[position:mark], raw[mark + 2 : mark + 2 + digits]
        if not length.isdigit() or b"\n" in prefix or b"'" in prefix or b"\x01" in prefix or prefix.count(b'"') % 2:
            return 0
        begin = mark + 2 + digits
        end = begin + int(length)
        if not begin < end <= begin + self._max_block or raw[end : end + 1] != b"\n":
            return 0
        text = prefix.decode("latin-1").lstrip() + BLOCK
        found.append(Message(text, (bytearray(memoryview(raw)[begin:end]),)))
        return end + 1

    def _take(self, raw: bytes, position: int, found: list[Message]) -> int:
        if self._open_end and self._block is not None:
            stop = -1 if self._framed else raw.find(b"\n", position)
            self._block += raw[position : len(raw) if stop < 0 else stop]
            if stop < 0:
                return len(raw)
            found.extend(self.end())
            return stop + 1
        if self._head:
            return self._take_head(raw, position)
        if self._text.endswith(b"\x01") and (raw[position : position + 1].isalpha() or raw[position] in b":*"):
            found.extend(self.end())
        newline = raw.find(b"\n", position)
        stop = len(raw) if newline < 0 else newline
        mark = raw.find(b"#", position, stop)
        self._add_text(raw[position : stop if mark < 0 else mark])
        if mark >= 0:
            if self._text.count(b'"') % 2 or self._text.count(b"'") % 2:
                self._add_text(b"#")
            else:
                self._head += b"#"
            return mark + 1
        if newline < 0:
            return stop
        if message := self._finish():
            found.append(message)
        return newline + 1

    def _take_head(self, raw: bytes, position: int) -> int:
        byte = raw[position]
        if not 48 <= byte <= 57:
            self._add_text(bytes(self._head))
            self._head.clear()
            return position
        self._head.append(byte)
        if self._head == b"#0":
            self._head.clear()
            self._block, self._open_end = bytearray(), True
        elif len(self._head) == 2 + self._head[1] - 48:
            length = int(self._head[2:])
            self._head.clear()
            if length > self._max_block:
                self._skip, self._error = length, -223
            else:
                self._block, self._filled = bytearray(length), 0
                if not length:
                    self._close_block()
        return position + 1

    def _close_block(self) -> None:
        assert self._block is not None
        self._blocks.append(self._block)
        self._block, self._open_end = None, False
        self._text += b"\x01"

    def _add_text(self, piece: bytes) -> None:
        self._text += piece.replace(b"\x01", b"?") if b"\x01" in piece else piece
        if len(self._text) > self._max_text:
            self._overrun()

    def _overrun(self) -> None:
        self._text.clear()
        self._blocks.clear()
        self._error = -363

    def _finish(self) -> Message | None:
        if self._open_end:
            self._close_block()
        if self._head:
            self._add_text(bytes(self._head))
        text = self._text.decode("latin-1").strip()
        message = Message("" if self._error else text, tuple(self._blocks), self._error)
        self.clear()
        return message if message.text or message.error else None
