"""The line to an SPI rack's controller: the one owner of its port, and the turns of the modules behind it.

The controller takes one byte that says what to do, and what belongs to it: ``c`` chooses a module and a chip for all
that follows, ``w`` shifts bytes out to it, ``r`` does and returns as many as came in, ``u`` unlocks the writes that a
controller refuses after it was switched on, ``v`` asks for its firmware. How long a message is, nothing in it says: the
controller takes a packet of USB for one, so each goes out in a write of its own. Nothing pairs answers with questions
either: each failure closes the port, and the next turn opens it anew when nothing is to come any more (`silence`).

Source: the package `spirack` 0.2.21 (`spi_rack.py`, `chip_mode.py`): messages, modes and clock dividers; its firmware
answers ``v`` from version 1.5 on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from qctl.errors import WireError
from qctl.instruments.links.link import Dialect, SerialLine
from qctl.instruments.links.opening import LINE_BYTES, who_answers
from qctl.instruments.links.shared_line import SharedLine, join_line
from qctl.instruments.links.silence import LateAnswerError, silence_of
from qctl.instruments.links.visa_port import PortClosedError, VisaPort

__all__ = ["RackLine", "Transfer", "join_rack_line"]

_CHOOSE, _WRITE, _READ, _UNLOCK = b"c", b"w", b"r", b"u"
_VERSION = Dialect(end="", identity_query="v")
_MODE = 0
"""Of SPI: that of all chips here."""


class Transfer(NamedTuple):
    """Bytes for one chip, of which as many come back where they are asked for.

    Attributes
    ----------
    module, chip : int
        Where it goes: the number that is set on the module, 0 for the controller, and the chip in it.
    divider : int
        Clock of the transfer: 84 MHz by this.
    data : bytes
        What is shifted out.
    is_read : bool
        Whether what is shifted in meanwhile is wanted.
    """

    module: int
    chip: int
    divider: int
    data: bytes
    is_read: bool = False


class RackLine(SharedLine):
    """One controller, and the modules that share it.

    Parameters
    ----------
    address : str
        VISA address of its serial line.
    timeout_s : float
        How long an answer may take.
    serial : SerialLine
        How the line is set; the controller is a USB device, and takes any speed.
    """

    def __init__(self, address: str, timeout_s: float, serial: SerialLine) -> None:
        super().__init__(address, (timeout_s, serial))
        self._address, self._timeout_s, self._serial = address, timeout_s, serial
        self._port: VisaPort | None = None
        self._chosen: tuple[int, int, int] | None = None
        self.n_opened = 0

    def open(self) -> None:
        """Open the port, if it is not open, and ask which firmware answers.

        Raises
        ------
        TimeoutError
            If nothing answers.
        PortClosedError
            If it can't be opened, or something else answers.
        """
        with self.turn():
            if self._port is None:
                self._open()

    def shut(self) -> None:
        """Close the port."""
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def ask(self, session: int, transfers: Sequence[Transfer], unlocks: bool = False) -> list[bytes]:
        """Carry out transfers in one turn, and return what is read of them.

        Parameters
        ----------
        session : int
            Which opening of the port the caller goes on with.
        transfers : sequence of Transfer
            In order.
        unlocks : bool
            Whether the controller is told to let writes through, before.

        Raises
        ------
        TimeoutError
            With the bytes that did come, if some are missing.
        PortClosedError
            If the connection broke or was opened anew since, or something came that nobody asked for.
        """
        with self._held(session) as port:
            if unlocks:
                port.send((_UNLOCK,), self._timeout_s)
            return [got for one in transfers if (got := self._carried_out(port, one)) is not None]

    def version(self, session: int) -> str:
        """Return which firmware the controller has; raise as `ask` does."""
        with self._held(session) as port:
            self._ask(port, _VERSION.dressed(_VERSION.identity_query))
            return self._paid(port.line(LINE_BYTES, self._timeout_s)).decode("latin-1").strip()

    def _open(self) -> None:
        port = VisaPort(self._address, self._timeout_s, self._serial)
        try:
            who_answers(port, _VERSION, self._timeout_s, silence_of(self._address, self._timeout_s), self._address)
        except LateAnswerError:
            port.close()
            raise
        except TimeoutError as error:
            port.close()
            text = f"no controller of an SPI rack with firmware 1.5 or later tells its version in {self._timeout_s:g} s"
            raise TimeoutError(text) from error
        except WireError as error:
            port.close()
            raise PortClosedError(str(error)) from error
        except BaseException:
            port.close()
            raise
        self._port, self._chosen = port, None
        self.n_opened += 1

    @contextmanager
    def _held(self, session: int) -> Iterator[VisaPort]:
        """Hold the port for one turn of a session; what fails in it gives the port up."""
        with self.turn():
            if self._port is None:
                self._open()
            assert self._port is not None
            if session != self.n_opened:
                raise PortClosedError("the rack's line was opened anew since: what is set may be another thing")
            try:
                yield self._port
            except (TimeoutError, PortClosedError) as error:
                self._failed(error)
                raise

    def _carried_out(self, port: VisaPort, one: Transfer) -> bytes | None:
        where = (one.module, one.chip, one.divider)
        if where != self._chosen:
            port.send((_CHOOSE + bytes((one.chip << 4 | one.module, _MODE, one.divider)),), self._timeout_s)
            self._chosen = where
        if not one.is_read:
            port.send((_WRITE + one.data,), self._timeout_s)
            return None
        self._ask(port, _READ + one.data)
        return self._paid(port.receive(len(one.data), self._timeout_s))

    def _ask(self, port: VisaPort, message: bytes) -> None:
        """Send what is answered, when nothing is there that could be taken for the answer."""
        if unread := port.unread():
            raise PortClosedError(f"{unread[:32].hex(' ')} came that nobody asked for")
        silence = silence_of(self._address, self._timeout_s)
        if silence is not None:
            silence.ask(time.monotonic(), self._timeout_s)
        port.send((message,), self._timeout_s)

    def _paid(self, answer: bytes | bytearray) -> bytes:
        silence = silence_of(self._address, self._timeout_s)
        if silence is not None:
            silence.settle()
        return bytes(answer)

    def _failed(self, error: Exception) -> None:
        """Give the port up: nobody knows what it still carries."""
        self.shut()
        silence = silence_of(self._address, self._timeout_s)
        if silence is not None and error.args and isinstance(error.args[0], bytes) and error.args[0]:
            silence.came(time.monotonic(), 0)


def join_rack_line(address: str, timeout_s: float, serial: SerialLine) -> RackLine:
    """Return the open line at an address, which all modules of the rack share; each `leave`s it.

    Raises
    ------
    TimeoutError, PortClosedError
        If it can't be opened.
    RequestError
        If it is open already with another speed or time-out.
    """
    return join_line(RackLine, address, (timeout_s, serial), lambda: RackLine(address, timeout_s, serial))
