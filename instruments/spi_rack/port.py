"""One module's share of an SPI rack: lines of text in, as all links take them, words for DACs and controller out.

========================= ===================================================================================
text                      what comes of it
========================= ===================================================================================
``VERSION``               ``QuTech,SPI rack,`` the module's number, a comma, and the controller's firmware
``UNLOCK``                the controller lets writes through; no answer
``DAC 3``                 code and span that output 3 shows, as ``131072 2``
``DAC 3 = 131072``        the code is written and shown; no answer
``DAC 3 = 131072 2``      span and code are written, then both shown at once; no answer
``INPUT 3``               the code that waits in output 3
``INPUT 3 = 177033``      a code is written that waits; no answer
``BATTERY 1``             what the controller's converter reads of its battery, 0 to 4095
``TEMPERATURE``           what the controller's thermometer reads
========================= ===================================================================================

Source: the package `spirack` 0.2.21: which chip an output has (`D5a_module`, `S4g_module`), the converter (MCP320x,
channels 0 and 1) and the thermometer (ADT7301) of the controller, clock dividers (`chip_mode`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from qctl.errors import RequestError
from qctl.instruments.links.link import SerialLine
from qctl.instruments.links.worded_port import WordedPort
from qctl.instruments.spi_rack import ltc2758 as dac
from qctl.instruments.spi_rack.line import Transfer, join_rack_line

__all__ = ["RackPort"]

_WRITING, _READING, _SLOW = 6, 8, 84
"""Dividers of 84 MHz: 14 MHz to the DACs, 10.5 MHz from them, 1 MHz for what is in the controller."""
_CONTROLLER, _CONVERTER, _THERMOMETER = 0, 0, 1
_WORDS = re.compile(r"([A-Z]+)(?: (\d{1,2}))?(?: = (\d{1,6})(?: (\d))?)?", re.ASCII)


class RackPort(WordedPort):
    """One module behind the controller.

    Parameters
    ----------
    address : str
        VISA address of the controller's serial line.
    timeout_s : float
        How long an answer may take.
    module : int
        The number that is set on the module.
    places : sequence of pair of int
        Chip and number of the DAC in it, of each output.
    serial : SerialLine
        How the line is set.

    Raises
    ------
    TimeoutError, PortClosedError
        If the line can't be opened.
    """

    def __init__(
        self, address: str, timeout_s: float, module: int, places: Sequence[tuple[int, int]], serial: SerialLine
    ) -> None:
        self._module, self._places = module, places
        self._line = join_rack_line(address, timeout_s, serial)
        self._session = self._line.n_opened
        super().__init__(self._line)

    def take(self, text: str) -> Callable[[], str] | None:
        """Carry out a setting at once, and return what asks a question; raise as `WordedPort.take` does."""
        found = _WORDS.fullmatch(text)
        match found.groups() if found else ():
            case "VERSION", None, None, None:
                return self._version
            case "UNLOCK", None, None, None:
                self._line.ask(self._session, (), unlocks=True)
            case "DAC", str(output), None, None if self._has(output):
                return lambda: self._shown(int(output))
            case "DAC", str(output), str(code), span if self._has(output) and _is_code(code) and _is_span(span):
                self._show(int(output), int(code), span)
            case "INPUT", str(output), None, None if self._has(output):
                return lambda: str(dac.code_of(self._asked(int(output), dac.code_read(self._at(output), True))))
            case "INPUT", str(output), str(code), None if self._has(output) and _is_code(code):
                self._write(int(output), dac.code_written(self._at(output), int(code), update=False))
            case "BATTERY", "0" | "1" as which, None, None:
                return lambda: self._battery(int(which))
            case "TEMPERATURE", None, None, None:
                return self._temperature
            case _:
                raise RequestError(f"{text!r} is nothing that a module of an SPI rack is told")
        return None

    def _has(self, output: str) -> bool:
        return 1 <= int(output) <= len(self._places)

    def _at(self, output: int | str) -> int:
        return self._places[int(output) - 1][1]

    def _transfer(self, output: int, word: bytes, is_read: bool) -> Transfer:
        divider = _READING if is_read else _WRITING
        return Transfer(self._module, self._places[output - 1][0], divider, word, is_read)

    def _write(self, output: int, *words: bytes) -> None:
        self._line.ask(self._session, [self._transfer(output, word, False) for word in words])

    def _asked(self, output: int, word: bytes) -> bytes:
        return self._line.ask(self._session, [self._transfer(output, word, True)])[0]

    def _show(self, output: int, code: int, span: str | None) -> None:
        at = self._at(output)
        spans = () if span is None else (dac.span_written(at, int(span)),)
        self._write(output, *spans, dac.code_written(at, code))

    def _shown(self, output: int) -> str:
        at = self._at(output)
        words = (dac.code_read(at), dac.span_read(at))
        code, span = self._line.ask(self._session, [self._transfer(output, word, True) for word in words])
        return f"{dac.code_of(code)} {dac.span_of(span)}"

    def _version(self) -> str:
        return f"QuTech,SPI rack,{self._module},{self._line.version(self._session)}"

    def _battery(self, which: int) -> str:
        word = bytes((1, 0xA0 | which << 6, 0))
        (got,) = self._line.ask(self._session, [Transfer(_CONTROLLER, _CONVERTER, _SLOW, word, True)])
        return str((got[1] & 0xF) << 8 | got[2])

    def _temperature(self) -> str:
        (got,) = self._line.ask(self._session, [Transfer(_CONTROLLER, _THERMOMETER, _SLOW, bytes(2), True)])
        return str(got[0] << 8 | got[1])


def _is_code(text: str) -> bool:
    return int(text) < dac.N_CODES


def _is_span(text: str | None) -> bool:
    return text is None or int(text) < len(dac.SPANS)
