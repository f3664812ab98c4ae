"""The Bluefors driver against the emulated control software: no reading is no number, one request is a snapshot."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from qctl.device import BulkRead, Device
from qctl.errors import DeviceError, DeviceTimeoutError, LimitError, RequestError
from qctl.instruments.registry import open_device
from qctl.lab import Instrument, Lab

Emulated = Callable[[str, str], Any]


def entry(address: str, **more: Any) -> Instrument:
    return Instrument(name="fridge", model="bluefors-gen1", address=address, **more)


@pytest.fixture
def box(emulated: Emulated) -> Any:
    found = emulated("bluefors-gen1", "fridge")
    found.ask(faults={})
    return found


def test_tree_is_read_in_one_request(lab: Lab, box: Any) -> None:
    device = open_device(entry(box.address), lab)
    assert isinstance(device, Device)
    assert isinstance(device, BulkRead)
    before = box.counters()["requests"]
    found = device.get_all()
    assert box.counters()["requests"] == before + 1
    assert (found["tmixing_k"], found["tfse_k"], found["p6_bar"], found["flow"]) == (0.0113, None, 1.2e-05, 0.521)
    assert found.keys() == {item.name for item in device.parameters()}
    assert device.get("tstill_k") == 0.853
    device.close()


@pytest.mark.parametrize(
    "faults",
    [
        {"readings": {"tmixing": ""}},
        {"readings": {"tmixing": "nan"}},
        {"readings": {"tmixing": "-inf"}},
        {"readings": {"tmixing": "0.0"}},
        {"readings": {"tmixing": "-1"}},
        {"outdated": ["tmixing"]},
        {"status": {"tmixing": "DISCONNECTED"}},
    ],
)
def test_what_is_no_present_reading_is_none(lab: Lab, box: Any, faults: dict[str, Any]) -> None:
    device = open_device(entry(box.address), lab)
    box.ask(faults=faults)
    assert device.get("tmixing_k") is None
    assert device.get_all()["tmixing_k"] is None  # type: ignore[attr-defined]
    box.ask(faults={"readings": {"tmixing": "0.250"}})
    assert device.get("tmixing_k") == 0.25
    device.close()


def test_nothing_is_ever_set(lab: Lab, box: Any) -> None:
    device = open_device(entry(box.address), lab)
    assert not any(item.settable for item in device.parameters())
    with pytest.raises(LimitError, match="only reads"):
        device.set("tmixing_k", 0.1)
    device.safe()
    with pytest.raises(RequestError, match="has no parameter 'thot_k'"):
        device.get("thot_k")
    device.close()


def test_emulated_tree_has_the_documented_form(box: Any) -> None:
    with urllib.request.urlopen(f"{box.address}/values/mapper/bf/temperatures/tmixing/?key=x") as answer:
        node = json.load(answer)["data"]["mapper.bf.temperatures.tmixing"]
    latest = node["content"]["latest_value"]
    assert node["type"] == "Value.Number.Float.Unit.temperature"
    assert (latest["value"], latest["status"], latest["outdated"]) == ("0.0113", "SYNCHRONIZED", False)
    assert latest["date"] > 1.6e12
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{box.address}/values/mapper/bf/heaters/")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nnot it!", "where a tree of values was due"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}", "answered 500 Oops"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"data": {}}'[:-1], "where a tree of values was due"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"data": {}}', "no temperature"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200_000, "where a tree of values was due"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", "closed|IncompleteRead|tree of values"),
        (b"ACME,1,2,3\n", "fridge: /values/mapper/bf/temperatures"),
        (b"", "fridge: /values/mapper/bf/temperatures"),
    ],
)
def test_what_is_no_control_software_is_refused(lab: Lab, reply: bytes, error: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            plug, _ = listener.accept()
            with plug:
                plug.recv(4096)
                plug.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(DeviceError, match=error):
            open_device(entry(f"http://127.0.0.1:{listener.getsockname()[1]}"), lab)
        thread.join(10)


def test_silence_is_a_time_out(lab: Lab, box: Any) -> None:
    box.ask(faults={"silence": True})
    with pytest.raises(DeviceTimeoutError, match="fridge: no answer in time"):
        open_device(entry(box.address, timeout_s=0.3), lab)


@pytest.mark.parametrize(
    ("address", "words"),
    [("http://192.168.0.3:49099", "for this machine only"), ("https://127.0.0.1:49098", "is not like http"),
     ("TCPIP::127.0.0.1::49099::SOCKET", "is not like http")],
)  # fmt: skip
def test_plain_http_stays_on_this_machine(lab: Lab, address: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        open_device(entry(address), lab)


def test_answer_in_drops_is_a_time_out(lab: Lab, box: Any) -> None:
    """Each byte comes well within the time-out."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            plug, _ = listener.accept()
            with plug, suppress(OSError):
                plug.recv(4096)
                plug.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while not ended.wait(0.1):
                    plug.sendall(b" ")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with pytest.raises(DeviceTimeoutError, match="fridge: no answer in time"):
            open_device(entry(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_s=0.3), lab)
        ended.set()
        thread.join(10)
