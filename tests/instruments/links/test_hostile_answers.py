"""The VISA link and boxes that answer too much or too slowly: no reply meets another query, no call goes on forever."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty
from collections.abc import Callable
from typing import Any

import pytest
from line_server import Connection, LineServer

from qctl.errors import DeviceError, DeviceTimeoutError
from qctl.instruments.links import visa_port
from qctl.instruments.links.life import LinkState
from qctl.instruments.links.visa import VisaLink, open_visa_link

ASK: dict[str, Callable[[VisaLink], Any]] = {
    "query": lambda link: link.query("A?"),
    "query_any": lambda link: link.query_any("A?"),
    "query_blocks": lambda link: link.query_blocks("A?"),
    "query_chain": lambda link: link.query_chain("A?", 1),
    "query_mixed": lambda link: link.query_mixed("A?", 1, 1),
}


def link_to(server: LineServer, timeout_s: float = 0.3) -> VisaLink:
    return open_visa_link("box0", server.address, timeout_s, ("acme", "scripted"))


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
def test_answer_that_nobody_asked_for_is_not_the_next_ones(ask: Callable[[VisaLink], Any]) -> None:
    sent = threading.Event()

    def twice(connection: Connection, line: str) -> None:
        if line == "FIRST?":
            connection.send(b"1\n")
        elif line == "GO":
            connection.send(b"2\n")
            sent.set()
        elif line == "NEXT?":
            connection.send(b"3\n")

    with LineServer(twice) as server:
        link = link_to(server)
        assert link.query("FIRST?") == "1"
        link.write("GO")
        assert sent.wait(10)
        with pytest.raises(DeviceError, match=r"box0: it sent what nobody asked for.*2 bytes so far: 32 0a"):
            ask(link)
        assert link.state is LinkState.DEGRADED
        assert "A?" not in [line for _, line in server.lines]
        assert link.query("NEXT?") == "3"
        link.close()


def test_two_answers_at_once_are_noticed_by_the_next_query() -> None:
    with LineServer(lambda connection, line: connection.send(b"1\n2\n")) as server:
        link = link_to(server)
        assert link.query("FIRST?") == "1"
        with pytest.raises(DeviceError, match=r"what nobody asked for"):
            link.query("NEXT?")
        link.close()


@pytest.mark.parametrize("more", [b"\r", b"\r\n", b"\n", b" \0\r\n"])
def test_line_ends_too_many_are_no_answer(more: bytes) -> None:
    with LineServer(lambda connection, line: connection.send(line[:-1].lower().encode() + b"\n" + more)) as server:
        link = link_to(server)
        assert [link.query(text) for text in ("A?", "B?", "C?")] == ["a", "b", "c"]
        assert link.generation == 1
        link.close()


@pytest.mark.parametrize(
    ("begin", "way"),
    [(b"1", "query"), (b"1", "query_any"), (b"#3100", "query_blocks"), (b"#3100", "query_chain"),
     (b"1", "query_mixed"), (b"1;#3100", "query_mixed")],
)  # fmt: skip
def test_answer_in_drops_is_a_time_out(begin: bytes, way: str) -> None:
    """Each byte comes well within the time-out, and so would the last one, some day."""
    ended = threading.Event()

    def drip(connection: Connection, line: str) -> None:
        connection.send(begin)
        while not ended.wait(0.15):
            connection.send(b"1")

    with LineServer(drip) as server:
        link = link_to(server, 0.4)
        began_s = time.monotonic()
        with pytest.raises(DeviceTimeoutError, match=r"box0: no answer in time"):
            ASK[way](link)
        assert time.monotonic() - began_s < 8
        assert link.state is LinkState.DEGRADED
        ended.set()
        link.close()


def test_long_answer_that_keeps_coming_is_waited_for() -> None:
    """It takes longer than the time-out altogether, as a list over a serial line does."""
    done = threading.Event()

    def long(connection: Connection, line: str) -> None:
        for _ in range(10):
            connection.send(b"1.25," * 10)
            done.wait(0.1)
        connection.send(b"0\n")

    with LineServer(long) as server:
        link = link_to(server, 0.4)
        assert link.query("LIST?").count(",") == 100
        link.close()


def test_flood_without_a_line_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visa_port, "_MOST_LINE_BYTES", 1 << 20)

    def flood(connection: Connection, line: str) -> None:
        while True:
            connection.send(b"x" * 65_536)

    with LineServer(flood) as server:
        link = link_to(server, 5)
        with pytest.raises(DeviceError, match=r"over 1048576 bytes came without a line end") as caught:
            link.query("A?")
        assert not isinstance(caught.value, DeviceTimeoutError)
        assert link.state is LinkState.DEGRADED
        link.close()


def test_block_that_is_announced_and_cut_is_an_error() -> None:
    def cut(connection: Connection, line: str) -> None:
        connection.send(b"#9999999999" + b"x" * 1000)
        connection.cut()

    with LineServer(cut) as server:
        link = link_to(server)
        with pytest.raises(DeviceError, match=r"closed the connection"):
            link.query_blocks("A?")
        link.close()


def test_serial_line_that_says_more_than_it_was_asked_is_noticed() -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    ready = threading.Event()

    def answer() -> None:
        for reply in (b"ACME,SCRIPTED,1,1.0\n", b"a\n\r\n", b"b\nwhat else\n"):
            os.read(ours, 100)
            os.write(ours, reply)
        ready.set()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        link = open_visa_link("box0", f"ASRL{os.ttyname(theirs)}::INSTR", 2.0, ("acme", "scripted"))
        assert [link.query("A?"), link.query("B?")] == ["a", "b"]
        assert ready.wait(10)
        with pytest.raises(DeviceError, match=r"what nobody asked for.*77 68 61 74"):
            link.query("C?")
        link.close()
    finally:
        thread.join(10)
        os.close(ours)
        os.close(theirs)
