"""What a driver asks of a link: text and blocks out, text and blocks back, a state, and a tap."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError, WireError
from qctl.instruments.links.checksums import CHECKSUMS
from qctl.instruments.links.life import LinkState

__all__ = [
    "Block",
    "Dialect",
    "Link",
    "Port",
    "SerialLine",
    "Tap",
    "as_bytes_view",
    "block_header",
    "shown",
]

Block = bytes | bytearray | memoryview | NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class SerialLine:
    """How a serial line is set.

    Attributes
    ----------
    baud : int
        Bits a second.
    data_bits : int
        7 or 8.
    parity : str
        none, odd or even.
    """

    baud: int = 9600
    data_bits: Literal[7, 8] = 8
    parity: Literal["none", "odd", "even"] = "none"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an instrument is spoken to, whatever is said.

    Attributes
    ----------
    end : str
        What ends a message to it.
    answer_end : str
        The character that its answers end in; a carriage return before a line feed is dropped.
    identity_query : str
        What it answers with who it is.
    serial : SerialLine
        Its serial line, where it is reached by one.
    greets : bool
        Whether it says something to a new connection, which belongs to no question.
    wakes_s : float
        How long a greeting may take, as of a board that a new connection resets.
    echoes : bool
        Whether it sends each message back before it answers.
    prefix, answer_prefix : str
        What stands before each message to it, and before each of its answers.
    checksum : str
        One of `CHECKSUMS`, behind `mark` at the end of messages and answers alike; empty for none. It is of the text
        between prefix and mark.
    mark : str
        What stands before a checksum.
    station : str
        Which of several at the address it is, for errors.
    """

    end: str = "\n"
    answer_end: str = "\n"
    identity_query: str = "*IDN?"
    serial: SerialLine = field(default_factory=SerialLine)
    greets: bool = False
    wakes_s: float = 1.0
    echoes: bool = False
    prefix: str = ""
    answer_prefix: str = ""
    checksum: str = ""
    mark: str = "*"
    station: str = ""

    @property
    def has_blocks(self) -> bool:
        """Say whether an answer may be a definite block: where nothing stands around answers."""
        return not (self.answer_prefix or self.checksum or self.answer_end != "\n")

    def dressed(self, text: str) -> bytes:
        """Return a message as it is sent."""
        return f"{self.prefix}{text}{self._sum(text)}{self.end}".encode("ascii")

    def undressed(self, line: str) -> str:
        """Return an answer without what stands around it, and without its end.

        Raises
        ------
        WireError
            If the prefix is not there, or the checksum is another one.
        """
        text = line.rstrip("\r\n").removesuffix(self.answer_end)
        if not text.startswith(self.answer_prefix):
            raise WireError(f"{text!r} does not begin with {self.answer_prefix!r}")
        text = text[len(self.answer_prefix) :]
        if not self.checksum:
            return text
        said, mark, _ = text.rpartition(self.mark)
        if not mark or text.upper() != (said + self._sum(said)).upper():
            raise WireError(f"the checksum of {text!r} is not {self._sum(said if mark else text)}")
        return said

    def _sum(self, text: str) -> str:
        return self.mark + CHECKSUMS[self.checksum](text.encode("latin-1")) if self.checksum else ""


class Port(Protocol):
    """What a link asks of a port: bytes out, and lines or counted bytes back; `visa_port.VisaPort` says it in full."""

    @property
    def is_stream(self) -> bool:
        """Say whether several messages may be sent in one go."""
        ...

    def send(self, parts: Sequence[bytes | memoryview], timeout_s: float) -> None:
        """Send parts one after the other."""
        ...

    def line(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return the bytes up to the end of a line, the end included."""
        ...

    def receive(self, n_bytes: int, timeout_s: float) -> bytes | bytearray:
        """Return exactly so many bytes."""
        ...

    def unread(self) -> bytes:
        """Return some of what has come and nobody has read."""
        ...

    def listen(self, timeout_s: float) -> bytes:
        """Return what comes on a line that pairs nothing, as soon as something does; empty if nothing does in time."""
        ...

    def keep_pace(self, begin_s: float, got: bytes | bytearray, timeout_s: float) -> None:
        """Raise TimeoutError where an answer comes in drops."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Tap(Protocol):
    """What listens to a link's traffic, to record it."""

    def sent(self, instrument: str, data: bytes | memoryview) -> None:
        """Take what was sent to an instrument."""
        ...

    def received(self, instrument: str, data: bytes | memoryview) -> None:
        """Take what an instrument sent."""
        ...

    def state(self, instrument: str, state: LinkState) -> None:
        """Take a link's new state."""
        ...


@runtime_checkable
class Link(Protocol):
    """A conversation with one instrument; time-outs are in seconds of wall time.

    Every method raises DeviceTimeoutError when the instrument is silent, and DeviceError when the connection breaks;
    `details["instrument"]` names it. Neither repeats anything by itself.
    """

    @property
    def name(self) -> str:
        """Return the instrument's name in lab.toml."""
        ...

    @property
    def state(self) -> LinkState:
        """Return where the link stands."""
        ...

    @property
    def generation(self) -> int:
        """Return how many times the connection has been opened; a driver that sees it change has lost its setup."""
        ...

    def write(self, text: str) -> None:
        """Send one message; return without waiting for the instrument."""
        ...

    def query(self, text: str, timeout_s: float | None = None) -> str:
        """Send one message and return the line that answers it, without its end."""
        ...

    def query_any(self, text: str, timeout_s: float | None = None) -> str | bytes:
        """Send one message and return what answers it: a line without its end, or a definite block with its head."""
        ...

    def write_block(self, prefix: str, block: Block) -> None:
        """Send a command that ends in an IEEE 488.2 definite block; the block's bytes are not copied."""
        ...

    def burst(self) -> AbstractContextManager[None]:
        """Send the messages that are written inside together, at the latest on leaving; a query sends them first."""
        ...

    def query_blocks(self, text: str, n_blocks: int = 1, timeout_s: float | None = None) -> list[memoryview]:
        """Send one message and return the bytes of the definite blocks, joined by ``;``, that answer it."""
        ...

    def query_chain(self, text: str, n_blocks: int, timeout_s: float | None = None) -> list[memoryview]:
        """Send one message and return the definite blocks that answer it one right behind the other, and a line end."""
        ...

    def query_mixed(
        self, text: str, n_words: int, n_blocks: int, timeout_s: float | None = None
    ) -> tuple[list[str], list[memoryview], str]:
        """Send one message and return what answers it, joined by ``;``: words, then definite blocks, then a line."""
        ...

    def close(self) -> None:
        """Close the connection for good."""
        ...


def block_header(n_bytes: int) -> bytes:
    """Return the head of an IEEE 488.2 definite length arbitrary block: ``#``, count of digits, digits.

    Raises
    ------
    RequestError
        If the length has more than nine digits.
    """
    digits = str(n_bytes)
    if n_bytes < 0 or len(digits) > 9:
        raise RequestError(f"a definite block holds at most 999,999,999 bytes, not {n_bytes}")
    return f"#{len(digits)}{digits}".encode()


def as_bytes_view(block: Block) -> memoryview:
    """Return a block's bytes without copying them; arrays must be contiguous."""
    view = memoryview(block)
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


def shown(data: bytes | bytearray | memoryview, limit: int = 64) -> str:
    """Return bytes as an error message shows them: their number and the first of them in hex."""
    if not len(data):
        return "0 bytes so far"
    more = " …" if len(data) > limit else ""
    return f"{len(data)} bytes so far: {bytes(data[:limit]).hex(' ')}{more}"
