"""The VISA link against real sockets: late replies, cut and stalled connections, reopening."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from line_server import IDENTITY, Connection, LineServer

from qctl.errors import DeviceError, DeviceTimeoutError
from qctl.instruments.links.life import LinkState
from qctl.instruments.links.visa import VisaLink, open_visa_link


def link_to(server: LineServer, timeout_s: float = 0.3) -> VisaLink:
    return open_visa_link("box0", server.address, timeout_s, ("acme", "scripted"))


def echo(connection: Connection, line: str) -> None:
    if line.endswith("?"):
        connection.reply(line[:-1].lower())


def reopened(link: VisaLink, text: str) -> str:
    """Ask again until the back-off is over."""
    for _ in range(200_000):
        try:
            return link.query(text)
        except DeviceError as error:
            if "next attempt" not in error.message:
                raise
    raise AssertionError("the link never came back")


def test_query_and_write_reach_the_instrument_in_order() -> None:
    with LineServer(echo) as server:
        link = link_to(server)
        link.write("SET 1")
        assert link.query("VALUE?") == "value"
        assert [line for _, line in server.lines] == ["*IDN?", "SET 1", "VALUE?"]
        assert (link.state, link.generation, link.identity) == (LinkState.UP, 1, IDENTITY)
        link.close()


def test_late_reply_is_never_paired_with_the_next_query() -> None:
    silent, asked = threading.Event(), threading.Event()

    def late(connection: Connection, line: str) -> None:
        if line == "SLOW?":
            asked.set()
            silent.wait(10)
            connection.reply("late")
        else:
            echo(connection, line)

    with LineServer(late) as server:
        link = link_to(server)
        with pytest.raises(DeviceTimeoutError, match=r"box0: no answer in time .*SLOW.*0 bytes so far") as caught:
            link.query("SLOW?")
        assert caught.value.details["instrument"] == "box0"
        assert link.state is LinkState.DEGRADED
        assert asked.is_set()
        silent.set()
        assert link.query("NEXT?") == "next"
        assert (link.state, link.generation) == (LinkState.UP, 2)
        link.close()


def test_time_out_shows_the_bytes_that_came_in_hex() -> None:
    with LineServer(lambda connection, line: connection.send(b"+1.2\x00")) as server:
        link = link_to(server)
        with pytest.raises(DeviceTimeoutError, match=r"5 bytes so far: 2b 31 2e 32 00"):
            link.query("VALUE?")
        link.close()


def test_cut_connection_is_an_error_at_once_and_is_reopened() -> None:
    def cut_first(connection: Connection, line: str) -> None:
        if connection.number == 1:
            connection.cut()
        else:
            echo(connection, line)

    with LineServer(cut_first) as server:
        link = link_to(server, timeout_s=30)
        with pytest.raises(DeviceError, match=r"box0: the instrument closed the connection") as caught:
            link.query("VALUE?")
        assert not isinstance(caught.value, DeviceTimeoutError)
        assert link.query("VALUE?") == "value"
        link.close()


def test_nothing_is_sent_twice() -> None:
    def cut_first(connection: Connection, line: str) -> None:
        if connection.number == 1:
            connection.cut()
        else:
            echo(connection, line)

    with LineServer(cut_first) as server:
        link = link_to(server, timeout_s=30)
        with pytest.raises(DeviceError):
            link.query("COUNT:UP?")
        link.query("VALUE?")
        assert [line for _, line in server.lines].count("COUNT:UP?") == 1
        link.close()


def test_stalled_instrument_does_not_hold_a_block_for_ever() -> None:
    going_on = threading.Event()

    def stall(connection: Connection, line: str) -> None:
        going_on.wait(10)

    with LineServer(stall) as server:
        link = link_to(server)
        link.write("STALL")
        with pytest.raises(DeviceTimeoutError, match=r"while sending 'DATA '"):
            link.write_block("DATA ", np.zeros(50_000_000, "<u2"))
        going_on.set()
        link.close()


def test_instrument_that_is_gone_is_down_and_comes_back() -> None:
    first = LineServer(echo).__enter__()
    link = link_to(first)
    first.close()
    with pytest.raises(DeviceError):
        link.query("VALUE?")
    with pytest.raises(DeviceError, match=r"box0"):
        link.query("VALUE?")
    assert link.state is LinkState.DOWN
    with pytest.raises(DeviceError, match=r"next attempt is in"):
        link.query("VALUE?")
    with LineServer(echo, port=first.port):
        assert reopened(link, "VALUE?") == "value"
    link.close()


def test_other_instrument_at_the_address_is_refused() -> None:
    with LineServer(echo, identity="OTHER,BOX,1,1") as server, pytest.raises(DeviceError, match=r"OTHER,BOX"):
        link_to(server)


def test_another_identity_after_reconnecting_is_refused() -> None:
    def cut(connection: Connection, line: str) -> None:
        connection.cut()

    with LineServer(cut) as server:
        link = link_to(server, timeout_s=30)
        server.identity = "ACME,SCRIPTED,2,1.0"
        with pytest.raises(DeviceError):
            link.query("VALUE?")
        with pytest.raises(DeviceError, match=r"answers as 'ACME,SCRIPTED,2,1.0' since reconnecting"):
            link.query("VALUE?")
        link.close()


def test_nobody_at_the_address_is_a_device_error() -> None:
    with LineServer(echo) as server:
        address = server.address
    with pytest.raises(DeviceError, match=r"box0"):
        open_visa_link("box0", address, 0.3, ("", ""))


def test_blocks_pass_unchanged_whatever_bytes_they_hold() -> None:
    data = bytes(range(256)) * 300 + b"\n#;\r\n"
    seen: list[bytes] = []

    def take(connection: Connection, line: str) -> None:
        if line.startswith("GET?"):
            head = f"#5{len(data):05d}".encode()
            connection.send(head + data + b";#13abc\n")

    with LineServer(take) as server:
        link = link_to(server, timeout_s=5)
        first, second = link.query_blocks("GET?", 2)
        assert bytes(first) == data
        assert bytes(second) == b"abc"
        link.close()

    done = threading.Event()

    def read_block(connection: Connection, line: str) -> None:
        seen.append(connection.file.read(len(data) - 3 - data.index(b"\n") + len(b"\n")))
        done.set()

    with LineServer(read_block) as server:
        link = link_to(server, timeout_s=5)
        link.write_block('W "x",', np.frombuffer(data, np.uint8))
        assert done.wait(10)
        head = ('W "x",' + f"#5{len(data)}").encode()
        sent = server.lines[1][1].encode("latin-1")
        assert sent == head + data[: data.index(b"\n")]
        link.close()


def test_words_blocks_and_a_line_come_in_one_answer() -> None:
    data = bytes(range(256)) * 100
    answer = f"+1;#5{len(data)}".encode() + data + b";#13a;\n;+1\n"
    with LineServer(lambda connection, line: connection.send(answer)) as server:
        link = link_to(server, timeout_s=5)
        words, blocks, rest = link.query_mixed("GET?", 1, 2)
        assert [bytes(block) for block in blocks] == [data, b"a;\n"]
        assert (words, rest) == (["+1"], "+1")
        link.close()


@pytest.mark.parametrize("blocks", [[b""], [b"a\r\n#", b"", b"b" * 100_000]])
def test_chain_of_blocks_is_read_to_its_line_end(blocks: list[bytes]) -> None:
    answer = b"".join(f"#{len(str(len(b)))}{len(b)}".encode() + b for b in blocks) + b"\r\n"
    with LineServer(lambda connection, line: connection.send(answer)) as server:
        link = link_to(server, timeout_s=5)
        for _ in range(2):
            assert [bytes(block) for block in link.query_chain("GET?", len(blocks))] == blocks
        with pytest.raises(DeviceError, match=r"follows|no definite block"):
            link.query_chain("GET?", len(blocks) - 1 or 2)
        assert link.state is LinkState.DEGRADED
        link.close()


def test_line_where_several_answers_were_due_is_an_error() -> None:
    with LineServer(lambda connection, line: connection.reply("0")) as server:
        link = link_to(server)
        with pytest.raises(DeviceError, match=r"one answer came where several were due.*'GET\?'"):
            link.query_mixed("GET?", 1, 2)
        assert link.state is LinkState.DEGRADED
        link.close()


def test_what_is_no_block_is_an_error_and_not_data() -> None:
    with LineServer(lambda connection, line: connection.reply("-113")) as server:
        link = link_to(server)
        with pytest.raises(DeviceError, match=r"no definite block.*2d 31"):
            link.query_blocks("GET?")
        assert link.state is LinkState.DEGRADED
        link.close()


def test_closed_link_stays_closed() -> None:
    with LineServer(echo) as server:
        link = link_to(server)
        link.close()
        with pytest.raises(DeviceError, match=r"closed"):
            link.query("VALUE?")


class Heard:
    """A tap that keeps what it hears."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, object]] = []

    def sent(self, instrument: str, data: bytes | memoryview) -> None:
        """Keep what was sent."""
        self.rows.append((instrument, "sent", bytes(data)))

    def received(self, instrument: str, data: bytes | memoryview) -> None:
        """Keep what came."""
        self.rows.append((instrument, "received", bytes(data)))

    def state(self, instrument: str, state: object) -> None:
        """Keep a state."""
        self.rows.append((instrument, "state", state))


def test_a_tap_hears_what_passes() -> None:
    tap = Heard()
    with LineServer(echo) as server:
        link = open_visa_link("box0", server.address, 0.3, ("", ""), tap)
        link.query("VALUE?")
        link.write_block("DATA ", bytes(5000))
        link.close()
    assert [event for _, event, _ in tap.rows] == ["state", "state", "sent", "received", "sent", "sent", "state"]
    assert [what for _, _, what in tap.rows[2:6]] == [b"VALUE?\n", b"value\n", b"DATA #45000", bytes(5000)]
    assert {name for name, _, _ in tap.rows} == {"box0"}


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"1.5\r\n", "1.5"),
        (b"#H1F\n", "#H1F"),
        (b"#\n", "#"),
        (b"\n", ""),
        (b"#15ab\ncd\n", b"#15ab\ncd"),
        (b"#3005#\n12\n\n", b"#15#\n12\n"),
    ],
)
def test_answer_is_taken_as_line_or_block_by_how_it_begins(sent: bytes, answer: str | bytes) -> None:
    def reply(connection: Connection, line: str) -> None:
        if line == "WHAT?":
            connection.send(sent)
        else:
            echo(connection, line)

    with LineServer(reply) as server:
        link = link_to(server)
        assert link.query_any("WHAT?") == answer
        assert link.query("NEXT?") == "next"
        link.close()


def test_silence_after_a_question_of_any_kind_is_a_time_out() -> None:
    with LineServer(lambda connection, line: None if line == "WHAT?" else echo(connection, line)) as server:
        link = link_to(server)
        with pytest.raises(DeviceTimeoutError, match=r"WHAT"):
            link.query_any("WHAT?")
        assert link.state is LinkState.DEGRADED
        link.close()
