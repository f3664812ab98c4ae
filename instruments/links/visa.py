"""The VISA link: SCPI text and blocks over pyvisa, reopened after a time-out so that late replies meet nobody.

pyvisa-py hands a reply that comes too late to the next query. So a time-out closes the connection; the next call opens
a new one and asks who is there before it sends anything else, on a serial line when it is silent. Nothing is ever sent
twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import RLock
from typing import NoReturn

from qctl.errors import DeviceError, DeviceTimeoutError, WireError
from qctl.instruments.links.life import Happening, LinkLife, LinkState, Patience
from qctl.instruments.links.link import Block, Dialect, Port, Tap, as_bytes_view, block_header, shown
from qctl.instruments.links.opening import LINE_BYTES, misfit, who_answers
from qctl.instruments.links.silence import LateAnswerError, silence_of
from qctl.instruments.links.visa_port import PortClosedError, VisaPort, check_echo

__all__ = ["VisaLink", "open_visa_link"]

_PATIENCE = Patience(first_s=0.1, longest_s=1.6)
_BURST_BYTES = 1 << 18


class VisaLink:
    """One instrument behind a VISA address.

    Parameters
    ----------
    name : str
        The instrument's name in lab.toml, for errors.
    address : str
        VISA address, like ``TCPIP::127.0.0.1::5025::SOCKET``.
    timeout_s : float
        How long a reply may take unless a call says otherwise.
    identity : tuple of str
        What the first two comma fields of the identity must begin with, any case.
    tap : Tap, optional
        Sees all traffic.
    open_port : callable, optional
        Opens the port, where it is not pyvisa's.
    dialect : Dialect, optional
        How the instrument is spoken to.
    """

    def __init__(
        self,
        name: str,
        address: str,
        timeout_s: float = 5.0,
        identity: tuple[str, str] = ("", ""),
        tap: Tap | None = None,
        open_port: Callable[[str, float], Port] | None = None,
        dialect: Dialect | None = None,
    ) -> None:
        self._name = name
        self._address = address
        self._timeout_s = timeout_s
        self._expected = identity
        self._tap = tap
        self._dialect = dialect or Dialect()
        self._where = f"{address} ({self._dialect.station})" if self._dialect.station else address
        self._end = self._dialect.end.encode("ascii")
        self._answer_end = self._dialect.answer_end.encode("ascii")
        self._open_port = open_port or partial(VisaPort, serial=self._dialect.serial, end=self._answer_end)
        self._silence = silence_of(address, timeout_s) if open_port is None else None
        self._port: Port | None = None
        self._life = LinkLife(_PATIENCE, name, LinkState.DOWN)
        self._lock = RLock()
        self._gathered: list[bytes | memoryview] | None = None
        self._n_gathered = 0
        self.identity = ""

    @property
    def name(self) -> str:
        """Return the instrument's name in lab.toml."""
        return self._name

    @property
    def state(self) -> LinkState:
        """Return where the link stands."""
        return self._life.state

    @property
    def generation(self) -> int:
        """Return how many times the connection has been opened."""
        return self._life.n_opened

    def open(self) -> None:
        """Open the connection and check who answers; do nothing when it is up.

        Raises
        ------
        DeviceError
            If nothing listens, another instrument answers, or the last failure was so recent that no new attempt is
            made yet.
        """
        with self._lock:
            self._ready()

    def write(self, text: str) -> None:
        """Send one message; return without waiting for the instrument."""
        with self._lock:
            self._send(self._ready(), text)

    def query(self, text: str, timeout_s: float | None = None) -> str:
        """Send one message and return the line that answers it, without its end."""
        with self._question(text, timeout_s) as (port, limit_s):
            return self._line(port, text, limit_s)

    def query_any(self, text: str, timeout_s: float | None = None) -> str | bytes:
        """Send one message and return what answers it: a line without its end, or a definite block with its head."""
        with self._question(text, timeout_s) as (port, limit_s):
            if not self._dialect.has_blocks:
                return self._line(port, text, limit_s)
            first = self._first(port, text, limit_s)
            if len(first) == 2 and first[1:].isdigit() and first[1:] != b"0":
                block = self._block(port, text, limit_s, b"\n", first)
                return block_header(len(block)) + bytes(block)
            if first.endswith(b"\n"):
                return first.decode("latin-1").rstrip("\r\n")
            return first.decode("latin-1") + self._line(port, text, limit_s)

    @contextmanager
    def _question(self, text: str, timeout_s: float | None) -> Iterator[tuple[Port, float]]:
        """Send a query, and have its answer read inside; refuse to while something unasked would be taken for it."""
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        with self._lock:
            port = self._ready()
            try:
                unread = port.unread()
            except PortClosedError as error:
                self._fail(error, f"before {text!r}")
            if unread:
                where = f"before {text!r}, which was not sent"
                self._fail(PortClosedError("it sent what nobody asked for"), where, unread)
            self._send(port, text, 1, limit_s)
            self._flush()
            yield port, limit_s
            if self._silence is not None:
                self._silence.settle()

    def _first(self, port: Port, text: str, timeout_s: float) -> bytes:
        """Return the first byte of an answer, and the second if the first may begin a block."""
        got = b""
        try:
            got = bytes(port.receive(1, timeout_s))
            return got + bytes(port.receive(1, self._timeout_s)) if got == b"#" else got
        except TimeoutError as error:
            self._fail(error, f"({timeout_s:g} s) to {text!r}", got)
        except PortClosedError as error:
            self._fail(error, f"after {text!r}", got)

    def write_block(self, prefix: str, block: Block) -> None:
        """Send a command that ends in an IEEE 488.2 definite block; the block's bytes are not copied."""
        view = as_bytes_view(block)
        head = prefix.encode("ascii") + block_header(len(view))
        with self._lock:
            port = self._ready()
            self._put(port, (head, view, self._end), prefix)
            if self._tap is not None:
                self._tap.sent(self._name, head)
                self._tap.sent(self._name, view)

    @contextmanager
    def burst(self) -> Iterator[None]:
        """Send the messages that are written inside together, at the latest on leaving; a query sends them first."""
        with self._lock:
            if self._gathered is not None:
                yield
                return
            self._gathered, self._n_gathered = [], 0
            try:
                yield
                self._flush()
            finally:
                self._gathered = None

    def _put(self, port: Port, parts: tuple[bytes | memoryview, ...], text: str) -> None:
        """Send parts, or keep them for the end of a burst where messages end by themselves; `text` is for errors."""
        if self._gathered is not None and port.is_stream:
            self._gathered += parts
            self._n_gathered += sum(map(len, parts))
            if self._n_gathered >= _BURST_BYTES:
                self._flush()
            return
        try:
            port.send(parts, self._timeout_s)
        except (TimeoutError, PortClosedError) as error:
            block = f" and {len(parts[1])} bytes" if len(parts) > 1 else ""
            self._fail(error, f"while sending {text!r}{block}")

    def _flush(self) -> None:
        """Send what a burst has gathered so far."""
        if not self._gathered:
            return
        parts, n_bytes = self._gathered, self._n_gathered
        self._gathered, self._n_gathered = [], 0
        port = self._ready()
        try:
            port.send(parts, self._timeout_s)
        except (TimeoutError, PortClosedError) as error:
            self._fail(error, f"while sending {n_bytes} bytes of several messages")

    def query_blocks(self, text: str, n_blocks: int = 1, timeout_s: float | None = None) -> list[memoryview]:
        """Send one message and return the bytes of the definite blocks, joined by ``;``, that answer it."""
        with self._question(text, timeout_s) as (port, limit_s):
            return [self._block(port, text, limit_s, b";" if left else b"\n") for left in range(n_blocks)[::-1]]

    def query_chain(self, text: str, n_blocks: int, timeout_s: float | None = None) -> list[memoryview]:
        """Send one message and return the definite blocks that answer it one right behind the other, and a line end."""
        with self._question(text, timeout_s) as (port, limit_s):
            blocks = [self._block(port, text, limit_s, b"") for _ in range(n_blocks)]
            if end := self._line(port, text, self._timeout_s):
                self._fail(PortClosedError(f"{end!r} follows {n_blocks} blocks"), f"in the answer to {text!r}")
            return blocks

    def query_mixed(
        self, text: str, n_words: int, n_blocks: int, timeout_s: float | None = None
    ) -> tuple[list[str], list[memoryview], str]:
        """Send one message and return what answers it, joined by ``;``: words, then definite blocks, then a line."""
        with self._question(text, timeout_s) as (port, limit_s):
            words = [self._word(port, text, limit_s) for _ in range(n_words)]
            blocks = [self._block(port, text, limit_s, b";") for _ in range(n_blocks)]
            return words, blocks, self._line(port, text, self._timeout_s)

    def _word(self, port: Port, text: str, timeout_s: float) -> str:
        """Read one answer that another one follows, without the ``;`` at its end."""
        got, begin_s = b"", time.monotonic()
        try:
            while not got.endswith(b";"):
                if got.endswith(b"\n") or len(got) == LINE_BYTES:
                    raise PortClosedError("one answer came where several were due")
                got += port.receive(1, timeout_s)
                port.keep_pace(begin_s, got, timeout_s)
        except TimeoutError as error:
            self._fail(error, f"({timeout_s:g} s) to {text!r}", got)
        except PortClosedError as error:
            self._fail(error, f"after {text!r}", got)
        if self._tap is not None:
            self._tap.received(self._name, got)
        return got[:-1].decode("latin-1")

    def _block(self, port: Port, text: str, timeout_s: float, end: bytes, first: bytes = b"") -> memoryview:
        """Read one block and what ends it; `first` has been read already."""
        got: bytes | bytearray = first
        where = f"in the block that answers {text!r}"
        try:
            got = got or port.receive(2, timeout_s)
            if got[:1] != b"#" or got[1:2] not in b"123456789":
                self._fail(PortClosedError("what came is no definite block"), where, got)
            digits = port.receive(int(got[1:2]), self._timeout_s)
            got = bytes(got) + bytes(digits)
            n_bytes = int(digits)
            block = port.receive(n_bytes + len(end), self._timeout_s) if n_bytes or end else b""
        except TimeoutError as error:
            self._fail(error, where, bytes(got) + (error.args[0] if error.args else b""))
        except (PortClosedError, ValueError) as error:
            self._fail(error, where, got)
        if self._tap is not None:
            self._tap.received(self._name, bytes(got))
            self._tap.received(self._name, memoryview(block))
        if end and block[-1:] != end:
            self._fail(PortClosedError(f"the block is followed by {bytes(block[-1:])!r}"), where, got)
        return memoryview(block)[:n_bytes]

    def close(self) -> None:
        """Close the connection for good."""
        with self._lock:
            self._drop()
            self._enter(Happening.CLOSED)

    def _enter(self, happening: Happening, why: str = "") -> None:
        if self._life.take(happening, time.monotonic(), why) and self._tap is not None:
            self._tap.state(self._name, self._life.state)

    def _drop(self) -> None:
        if self._port is not None:
            self._port.close()
            self._port = None

    def _ready(self) -> Port:
        """Return the open port; reopen it after a failure, at most once a call and with back-off."""
        if self._life.state is LinkState.UP and self._port is not None:
            return self._port
        if self._life.state is LinkState.CLOSED:
            raise DeviceError(f"{self._name}: the link is closed", instrument=self._name)
        wait_s = (self._life.try_s or 0.0) - time.monotonic()
        if wait_s > 0:
            raise DeviceError(
                f"{self._name} is down ({self._life.why}); the next attempt is in {wait_s:.1f} s", instrument=self._name
            )
        self._enter(Happening.TRY)
        try:
            self._port = self._open_port(self._address, self._timeout_s)
        except (TimeoutError, PortClosedError) as error:
            self._down(f"{self._address} can't be opened: {error}", error)
        port = self._port
        try:
            identity = who_answers(port, self._dialect, self._timeout_s, self._silence, self._where)
        except LateAnswerError as error:
            self._down(f"{self._where}: {error}", error)
        except TimeoutError as error:
            self._down(f"{self._where} does not answer {self._dialect.identity_query} in {self._timeout_s:g} s", error)
        except (PortClosedError, WireError) as error:
            self._down(f"{self._where}: {error}", error)
        self._check(identity)
        self.identity = identity
        self._enter(Happening.OPENED)
        return port

    def _check(self, identity: str) -> None:
        """Refuse an instrument that is not the one meant."""
        why = misfit(identity, self._expected, self.identity)
        if why and self._silence is not None:
            self._silence.came(time.monotonic(), 0)  # it may be the answer to something else
        if why:
            self._down(f"{self._where} {why}")

    def _down(self, why: str, cause: Exception | None = None) -> NoReturn:
        self._drop()
        self._enter(Happening.FAILED, why)
        kind = DeviceTimeoutError if isinstance(cause, TimeoutError) else DeviceError
        raise kind(f"{self._name}: {why}", instrument=self._name) from cause

    def _fail(self, error: Exception, where: str, got: bytes | bytearray = b"") -> NoReturn:
        """Give the connection up, because nobody knows what it still carries, and say so."""
        self._drop()
        if self._silence is not None and got:
            self._silence.came(time.monotonic(), got.count(self._answer_end))
        if self._life.state is LinkState.UP:
            self._enter(Happening.LOST, f"{error or 'no answer in time'} {where}")
        if isinstance(error, TimeoutError):
            raise DeviceTimeoutError(
                f"{self._name}: no answer in time {where}; {shown(got)}", instrument=self._name
            ) from error
        raise DeviceError(f"{self._name}: {error} {where}; {shown(got)}", instrument=self._name) from error

    def _send(self, port: Port, text: str, n_answers: int = 0, limit_s: float = 0.0) -> None:
        data = self._dialect.dressed(text)
        if self._silence is not None:
            self._silence.ask(time.monotonic(), max(limit_s, self._timeout_s), n_answers + self._dialect.echoes)
        self._put(port, (data,), text)
        if self._tap is not None:
            self._tap.sent(self._name, data)
        if self._dialect.echoes:
            self._flush()
            echo = self._raw_line(port, text, self._timeout_s)
            try:
                check_echo(echo, data)
            except PortClosedError as error:
                self._fail(error, f"after {text!r}", echo)
            if self._silence is not None:
                self._silence.paid()

    def _line(self, port: Port, text: str, timeout_s: float) -> str:
        line = self._raw_line(port, text, timeout_s)
        try:
            return self._dialect.undressed(line.decode("latin-1"))
        except WireError as error:
            self._fail(error, f"in the answer to {text!r}", line)

    def _raw_line(self, port: Port, text: str, timeout_s: float) -> bytes:
        try:
            line = port.line(LINE_BYTES, timeout_s)
        except TimeoutError as error:
            self._fail(error, f"({timeout_s:g} s) to {text!r}", error.args[0] if error.args else b"")
        except PortClosedError as error:
            self._fail(error, f"after {text!r}")
        if self._tap is not None:
            self._tap.received(self._name, line)
        return line


def open_visa_link(
    name: str,
    address: str,
    timeout_s: float,
    identity: tuple[str, str],
    tap: Tap | None = None,
    dialect: Dialect | None = None,
    open_port: Callable[[str, float], Port] | None = None,
) -> VisaLink:
    """Open a VISA link, or one over another port, and check who answers.

    Raises
    ------
    DeviceError
        If nothing listens or another instrument answers.
    """
    link = VisaLink(name, address, timeout_s, identity, tap, open_port, dialect)
    link.open()
    return link
