"""`probe` against emulated instruments and scripted ones: how each wants to be spoken to, and what is never sent."""

from __future__ import annotations

import os
import pty
import re
import socket
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from qctl.errors import RequestError
from qctl.instruments import registry
from qctl.instruments.probe import Finding, Trial, lab_lines, probe, spelled
from qctl.lab import parse_lab

Emulated = Callable[..., Any]
IDENTITY = b"ACME,TEN,1,2.0"
FREE = "TCPIP::127.0.0.1::{}::SOCKET"


@contextmanager
def box(end: bytes, answer: bytes, greeting: bytes = b"") -> Iterator[tuple[int, list[bytes]]]:
    """Serve connections that answer each message with that end, and note all that is sent."""
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(plug: socket.socket) -> None:
        waiting = b""
        with plug:
            plug.sendall(greeting)
            try:
                while data := plug.recv(4096):
                    heard.append(data)
                    waiting += data
                    while end in waiting:
                        message, _, waiting = waiting.partition(end)
                        if answer and message.strip(b"\r\n") == b"*IDN?":
                            plug.sendall(answer)
            except OSError:
                return

    def accept() -> None:
        try:
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        except OSError:
            return

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def asked_only_who(heard: list[bytes]) -> bool:
    words = {query.encode() for query in registry.identity_queries()}
    return {word.strip() for data in heard for word in data.split(b"\n") if word.strip()} <= words


@pytest.mark.parametrize(
    ("model", "query"),
    [("keysight-e8257d", "*IDN?"), ("qdevil-qdac2", "*IDN?"), ("lakeshore-372", "*IDN?"), ("minicircuits-rcdat", "MN?"),
     ("minicircuits-rc-spdt", "MN?"), ("rohde-schwarz-sgs100a", "*IDN?"), ("keysight-infiniium-s", "*IDN?")],
)  # fmt: skip
def test_emulated_instruments_are_known(emulated: Emulated, model: str, query: str) -> None:
    found = probe(emulated(model, model.replace("-", "_")).address)
    assert found.trial is not None
    assert (found.model, found.trial.query) == (model, query)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_end_of_a_message_is_found(end: bytes) -> None:
    with box(end, IDENTITY + end) as (port, heard):
        found = probe(f"127.0.0.1:{port}", 12.0)
    assert found.trial is not None, found
    assert (found.identity, found.trial.end, found.answer_end) == ("ACME,TEN,1,2.0", end.decode(), end.decode())
    assert found.model == ""
    assert asked_only_who(heard)


def test_hislip_on_a_port_of_its_own_is_found_by_host_and_port(emulated: Emulated) -> None:
    box = emulated("rohde-schwarz-sgs100a", "rohde_schwarz_sgs100a")
    found = probe(f"127.0.0.1:{box.port}", 12.0)
    assert found.trial is not None
    assert (found.trial.address, found.model) == (box.address, "rohde-schwarz-sgs100a")


def test_greeting_is_no_answer() -> None:
    with box(b"\n", IDENTITY + b"\r\n", b"\r\n") as (port, _):
        assert probe(FREE.format(port)).identity == "ACME,TEN,1,2.0"


def test_silence_ends_in_time_and_only_who_was_asked() -> None:
    with box(b"\n", b"") as (port, heard):
        begin = time.monotonic()
        found = probe(FREE.format(port), 1.0)
        assert time.monotonic() - begin < 5
    assert found == Finding(n_tried=found.n_tried)
    assert found.n_tried > 0
    assert asked_only_who(heard)


def test_wrong_port_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = probe(FREE.format(port), 2.0)
    assert found.trial is None
    assert len(found.why) == 1
    assert found.why[0].startswith(FREE.format(port))


@pytest.mark.parametrize(
    "garbage", [b"\xff\xfe\x80\n", b"HTTP/1.1 400 Bad Request\r\n", b"7\n", b"\x07" * 5000 + b"\n"]
)
def test_garbage_is_no_identity(garbage: bytes) -> None:
    with box(b"\n", garbage) as (port, _):
        found = probe(FREE.format(port), 3.0)
    assert found.trial is None
    assert found.garbage


@pytest.mark.parametrize("baud", [9600, 57_600, 19_200, 115_200])
def test_speed_of_a_serial_line_is_found(tmp_path: Any, baud: int) -> None:
    from emulators import Emulator

    running = Emulator("lakeshore-335", "ls", tmp_path, baud=baud)
    try:
        found = probe(running.address, 15.0)
        assert found.trial is not None and found.trial.serial is not None
        assert (found.trial.serial.baud, found.model) == (baud, "lakeshore-335")
        assert f"baud = {baud}" in lab_lines(found, "ls0")
        assert probe(running.address, 2.0, baud=4800).trial is None
    finally:
        running.stop()


def test_serial_line_where_nothing_answers() -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    try:
        assert termios.tcgetattr(theirs)[5]
        found = probe(os.ttyname(theirs), 1.5)
        assert found.trial is None
        assert found.n_tried > 1
        assert asked_only_who([os.read(ours, 65536).replace(b"\r", b"\n")])
    finally:
        os.close(ours)
        os.close(theirs)


def test_lines_for_lab_toml_say_what_must_be_bounded(emulated: Emulated) -> None:
    found = probe(emulated("minicircuits-rcdat", "minicircuits_rcdat").address)
    assert found.trial is not None
    assert lab_lines(found, "att0").splitlines() == [
        "[instruments.att0]",
        'model = "minicircuits-rcdat"',
        f'address = "{found.trial.address}"',
        "# parameter.attenuation_db.limits = [low, high]    # needed before it can be set",
    ]


@pytest.mark.parametrize(
    ("text", "first"),
    [("127.0.0.1:5025", "TCPIP::127.0.0.1::5025::SOCKET"), ("fridge", "TCPIP::fridge::hislip0::INSTR"),
     ("/dev/ttyUSB0", "ASRL/dev/ttyUSB0::INSTR"), ("GPIB0::8::INSTR", "GPIB0::8::INSTR")],
)  # fmt: skip
def test_addresses_are_spelled_out(text: str, first: str) -> None:
    assert spelled(text)[0] == first


@pytest.mark.parametrize("text", ["", "a b", "::", "1.2.3.4:99999"])
def test_no_address_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        probe(text)


DECLARED = [name for name in registry.MODELS if registry.needs_of(name)]
FILLED = {"limits_a = [lowest, highest]": "limits_a = [-0.01, 0.01]", "[lowest, highest]": "[-1.0, 1.0]",
          "module = number": "module = 2", "fastest": "0.1",
          "frequency_hz = first": "frequency_hz = 5e9", "power_dbm = first": "power_dbm = -20.0",
          "frequency_hz = [low, high]": "frequency_hz = [4e9, 6e9]", "[low, high]": "[-20.0, 30.0]"}  # fmt: skip


@pytest.mark.parametrize("model", DECLARED)
def test_lines_for_lab_toml_hold_when_they_are_filled_in(model: str) -> None:
    found = Finding(Trial("TCPIP::127.0.0.1::9::SOCKET", "*IDN?", "\n"), "x", "\n", model)
    text = re.sub("^# ", "", lab_lines(found, "new0"), flags=re.M)
    for place, value in FILLED.items():
        text = text.replace(place, value)
    lab = parse_lab((Path(__file__).parents[1] / "support" / "transmon5.toml").read_text("utf-8") + "\n" + text)
    registry.check_entry(lab.instrument("new0"))


@pytest.mark.parametrize("name", ["", "a b", 'x"]', "1x", "x\n[y]"])
def test_name_that_lab_toml_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="is no name for lab"):
        lab_lines(Finding(), name)


@pytest.mark.parametrize("way", ["flood", "drip"])
def test_port_that_says_anything_at_any_time_ends_in_time(way: str) -> None:
    ended = threading.Event()

    def speak(plug: socket.socket) -> None:
        with plug, suppress(OSError):
            while not ended.wait(0.0 if way == "flood" else 0.4):
                plug.sendall(b"A" * 65_536 if way == "flood" else b"A")

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=speak, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        begin = time.monotonic()
        found = probe(FREE.format(listener.getsockname()[1]), 1.0)
        ended.set()
        assert time.monotonic() - begin < 60  # a dozen ways of asking, each with its time-out; for ever otherwise
        listener.shutdown(socket.SHUT_RDWR)
    assert found.trial is None
