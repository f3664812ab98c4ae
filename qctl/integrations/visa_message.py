"""What a script writes, taken apart: text, and an IEEE 488.2 definite block at its end, if there is one."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Message", "split_message"]

_BLOCK = re.compile(rb"#([1-9])")
_QUOTED = re.compile(rb"\"[^\"]*\"|'[^']*'")


@dataclass(frozen=True, slots=True)
class Message:
    """One message to an instrument.

    Attributes
    ----------
    text : str
        Without its end; before the block, where there is one.
    block : bytes or None
        Content of the block, without its head.
    """

    text: str
    block: bytes | None = None

    @property
    def asks(self) -> bool:
        """Say whether an answer is due."""
        return "?" in _QUOTED.sub(b"", self.text.encode("latin-1")).decode("latin-1")


def split_message(data: bytes) -> Message:
    """Return the message in bytes that a script writes at once.

    A block counts as one if its head tells a length that fits: only an end of line may follow.
    """
    for found in _BLOCK.finditer(data):
        n_digits = int(found[1])
        begin = found.end() + n_digits
        digits = data[found.end() : begin]
        if len(digits) != n_digits or not digits.isdigit():
            continue
        end = begin + int(digits)
        before = _QUOTED.sub(b"", data[: found.start()])
        if not set(before) & set(b"\"'") and end <= len(data) and not data[end:].strip(b"\r\n"):
            return Message(data[: found.start()].decode("latin-1"), data[begin:end])
    return Message(data.decode("latin-1").strip("\r\n"))
