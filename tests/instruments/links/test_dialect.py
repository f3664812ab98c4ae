"""What stands around lines of firmware: put there, taken off again, and judged; emulated a second time by hil."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from qctl.errors import DeviceError, DeviceTimeoutError, WireError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.line_firmware import Level, LineFirmware
from qctl.hil.instruments.modbus_firmware import crc
from qctl.instruments.links.checksums import CHECKSUMS
from qctl.instruments.links.link import Dialect
from qctl.instruments.links.visa import VisaLink


def test_checksums_are_those_of_their_sources() -> None:
    assert CHECKSUMS["xor"](b"GPGLL,5057.970,N,00146.110,E,142451,A") == "27"  # NMEA 0183's usual example
    assert CHECKSUMS["crc16"](b"123456789") == "4B37"  # the check value of CRC-16/MODBUS
    assert CHECKSUMS["sum"](b"\xff\x02") == "01"
    assert crc(b"123456789") == bytes.fromhex("374B")


def test_a_message_is_dressed_and_an_answer_undressed() -> None:
    dialect = Dialect("\r\n", prefix="#01 ", answer_prefix=">", checksum="sum", mark="^")
    assert dialect.dressed("V?") == b"#01 V?^95\r\n"
    assert dialect.undressed(">1.5^94\r\n") == "1.5"
    assert dialect.undressed(">a^b^21\n") == "a^b"
    for line in ("1.5^94\n", ">1.5^95\n", ">1.5\n", "\n", ">^\n"):
        with pytest.raises(WireError):
            dialect.undressed(line)


class Board(LineFirmware):
    who = ("WHO", "BOARD 2 {serial}")
    values: ClassVar[Any] = {"LEVEL": Level(0.0, 0.0, 1.0)}


class Wire:
    """A port whose other end is a board in this process."""

    is_stream = True

    def __init__(self, board: LineFirmware, end: bytes) -> None:
        self._board, self._end, self.got = board, end, bytearray()
        board.send = self.got.extend

    def send(self, parts: Any, timeout_s: float) -> None:
        self._board.receive(b"".join(parts))

    def line(self, max_bytes: int, timeout_s: float) -> bytes:
        place = self.got.find(self._end)
        if place < 0:
            raise TimeoutError(bytes(self.got))
        line = bytes(self.got[: place + 1])
        del self.got[: place + 1]
        return line

    def receive(self, n_bytes: int, timeout_s: float) -> bytes:
        taken = bytes(self.got[:n_bytes])
        del self.got[:n_bytes]
        return taken

    def unread(self) -> bytes:
        return bytes(self.got)

    def keep_pace(self, begin_s: float, got: bytes | bytearray, timeout_s: float) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("traits", "said"),
    [
        ({}, {}),
        ({"line_end": b"\r\n", "answer_end": b"\r\n"}, {"end": "\r\n"}),
        ({"line_end": b"\r", "answer_end": b"\r", "echo": True}, {"end": "\r", "answer_end": "\r", "echoes": True}),
        ({"answer_end": b";"}, {"answer_end": ";"}),
        ({"prefix": b"@7 ", "answer_prefix": b"= "}, {"prefix": "@7 ", "answer_prefix": "= "}),
        ({"check": staticmethod(lambda line: b"*%02X" % (sum(line) % 256))}, {"checksum": "sum"}),
        (
            {"check": staticmethod(lambda line: b":%02X%02X" % tuple(reversed(crc(line)))), "echo": True},
            {"checksum": "crc16", "mark": ":", "echoes": True},
        ),
    ],
)
def test_every_dress_is_understood_at_both_ends(traits: dict[str, Any], said: dict[str, Any]) -> None:
    board = type("Dressed", (Board,), traits)(EmulatorConfig("m", "box", "7"), None)
    dialect = Dialect(identity_query="WHO", **said)
    wire = Wire(board, dialect.answer_end.encode())
    link = VisaLink("box", "", 1.0, ("BOARD", ""), open_port=lambda address, timeout_s: wire, dialect=dialect)
    assert link.query("SET LEVEL 0.5") == "OK"
    assert (link.query("GET LEVEL"), link.query("SET LEVEL 2")) == ("0.5", "ERR 3 out of range")
    assert link.identity == "BOARD 2 7"
    assert link.query_any("GET LEVEL") == "0.5"


def test_an_echo_of_something_else_costs_the_link() -> None:
    board = type("Loud", (Board,), {"echo": True})(EmulatorConfig("m", "box", "7"), None)
    wire = Wire(board, b"\n")
    link = VisaLink("box", "", 1.0, open_port=lambda *_: wire, dialect=Dialect(identity_query="WHO", echoes=True))
    link.open()
    board.echo = False
    with pytest.raises(DeviceError, match=r"box: b'OK.n' came where its echo was due after 'SET LEVEL 0.5'"):
        link.query("SET LEVEL 0.5")
    assert link.state == "degraded"


def linked(**said: Any) -> tuple[LineFirmware, Wire, VisaLink]:
    """Return a board with checksums, and the wire and the link to it."""
    traits = {"check": staticmethod(lambda line: b"*%02X" % (sum(line) % 256)), "echo": said.get("echoes", False)}
    board = type("Checked", (Board,), traits)(EmulatorConfig("m", "box", "7"), None)
    wire = Wire(board, b"\n")
    dialect = Dialect(identity_query="WHO", checksum="sum", **said)
    return board, wire, VisaLink("box", "", 1.0, open_port=lambda *_: wire, dialect=dialect)


def test_a_wrong_checksum_costs_the_link_and_the_next_question_has_its_own_answer() -> None:
    board, wire, link = linked()
    link.open()
    wire.got += b"0.75*00\n"  # what a flipped bit makes of an answer
    board.receive, right = lambda data: None, board.receive  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match="box: it sent what nobody asked for before 'GET LEVEL', which was not sent"):
        link.query("GET LEVEL")
    wire.got.clear()
    board.receive = lambda data: wire.got.extend(  # type: ignore[method-assign]
        b"0.75*00\n" if b"GET" in data else b"BOARD 2 7*11\n"
    )
    with pytest.raises(DeviceError, match=r"box: the checksum of '0.75\*00' is not \*CA in the answer to 'GET LEVEL'"):
        link.query("GET LEVEL")
    assert link.state == "degraded"
    board.receive = right  # type: ignore[method-assign]
    assert (link.query("GET LEVEL"), link.state, link.generation) == ("0.0", "up", 3)


def test_a_late_answer_is_not_taken_for_the_echo_of_who_is_there() -> None:
    board, wire, link = linked(echoes=True)
    assert link.query("GET LEVEL") == "0.0"
    board.receive, right = lambda data: None, board.receive  # type: ignore[method-assign]
    with pytest.raises(DeviceTimeoutError, match="box: no answer in time"):
        link.query("GET LEVEL")
    wire.got += b"GET LEVEL*DC\n0.75*CA\n"  # it comes when the line is open again
    board.receive = right  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match=r"b'GET LEVEL\*DC.n' came where its echo was due"):
        link.query("GET LEVEL")
    assert link.state == "down"
