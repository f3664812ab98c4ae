"""A link that is lost and comes back: who answers and what it lost are told, and nothing is sent twice."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qctl.device import Parameter
from qctl.errors import DeviceError, DeviceTimeoutError
from qctl.instruments.links.life import LinkState
from qctl.lab import Instrument
from qctl.server.finding import Finder
from qctl.server.instrument import InstrumentThread


class Box:
    """An instrument that can be switched off; every question to it is counted."""

    def __init__(self) -> None:
        self.on = True
        self.identity = "ACME,BOX,1,1.0"
        self.values = {"frequency_hz": 5e9, "power_dbm": -20.0}
        self.asked: list[str] = []
        self.heard = threading.Event()

    def ask(self, what: str) -> None:
        self.asked.append(what)
        self.heard.set()
        if not self.on:
            raise DeviceTimeoutError("box0: no answer in time", instrument="box0")


class Device:
    """Its driver."""

    def __init__(self, box: Box) -> None:
        self.box = box
        box.ask("open")

    def identify(self) -> str:
        self.box.ask("identify")
        return self.box.identity

    def parameters(self) -> list[Parameter]:
        return [Parameter(name, name) for name in self.box.values]

    def get(self, name: str) -> float:
        self.box.ask(f"get {name}")
        return self.box.values[name]

    def set(self, name: str, value: float) -> None:
        self.box.ask(f"set {name}")
        self.box.values[name] = value

    def safe(self) -> None:
        self.box.ask("safe")

    def close(self) -> None:
        pass


class Events:
    """The events of a link, and a wait for one of them."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self._more = threading.Condition()

    def __call__(self, topic: str, of: object, body: dict[str, Any]) -> None:
        with self._more:
            self.bodies.append(body)
            self._more.notify_all()

    def states(self) -> list[str]:
        return [body["state"] for body in self.bodies]

    def until(self, happened: Callable[[], bool]) -> None:
        with self._more:
            assert self._more.wait_for(happened, 10), self.states()


KEYS: dict[str, Any] = {"name": "box0", "model": "none", "address": "none", "timeout_s": 1.0, "retry_s": (0.01, 0.05)}


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def begin(box: Box) -> Iterator[Callable[..., tuple[InstrumentThread, Finder, Events]]]:
    threads = []

    def begin(**keys: Any) -> tuple[InstrumentThread, Finder, Events]:
        instrument, events = Instrument(**{**KEYS, "heartbeat_s": 60.0, **keys}), Events()
        finder = Finder(instrument, lambda _: Device(box))  # type: ignore[arg-type, return-value]
        thread = InstrumentThread(instrument, finder, events)
        threads.append(thread)
        assert thread.tried.wait(5)
        return thread, finder, events

    yield begin
    for thread in threads:
        thread.close()
        thread.join(5)


def lose(thread: InstrumentThread, box: Box) -> None:
    box.on = False
    call = thread.submit(lambda device: device.set("power_dbm", -10.0))
    assert call.wait(5)
    assert isinstance(call.error, DeviceTimeoutError)


def test_every_change_is_told_with_reason_and_tries(box: Box, begin: Any) -> None:
    thread, _, events = begin()
    lose(thread, box)
    events.until(lambda: events.states().count("down") > 2)
    box.on = True
    events.until(lambda: events.states()[-1] == "up")
    states = events.states()
    assert states[:4] == ["up", "degraded", "reconnecting", "down"]
    assert set(states[2:-1]) == {"reconnecting", "down"}
    assert [body["n_retries"] for body in events.bodies if body["state"] == "down"][:3] == [1, 2, 3]
    assert "no answer in time" in events.bodies[1]["why"]
    assert events.bodies[-1]["why"] == ""
    told = thread.told()
    assert (told["link"], told["n_lost"], told["n_retries"], told["next_try_s"]) == ("up", 1, 0, None)
    assert "no answer in time" in told["last_error"]
    assert abs(told["since_s"] - time.time()) < 10


def test_what_was_lost_is_told_by_name_and_neither_set_again_nor_sent_twice(box: Box, begin: Any) -> None:
    thread, _, events = begin()
    assert thread.submit(lambda device: device.set("frequency_hz", 6e9)).wait(5)
    thread.note({"frequency_hz": 6e9, "power_dbm": -20.0})
    lose(thread, box)
    box.values["frequency_hz"] = 1e9  # as after a power cut
    box.on = True
    box.asked.clear()
    events.until(lambda: events.states()[-1] == "up" and len(events.bodies) > 1)
    assert events.bodies[-1]["settings"] == [{"parameter": "frequency_hz", "set": 6e9, "found": 1e9}]
    assert thread.told()["settings"] == events.bodies[-1]["settings"]
    assert box.asked[-4:] == ["identify", "get frequency_hz", "get power_dbm", "safe"]
    assert not [word for word in box.asked if word.startswith("set")]
    thread.note({"frequency_hz": 6e9})
    assert thread.told()["settings"] == []


def test_settings_within_the_steps_of_the_instrument_are_as_before(box: Box, begin: Any) -> None:
    thread, _, events = begin()
    thread.note({"power_dbm": -20.000001})
    lose(thread, box)
    box.on = True
    events.until(lambda: events.states()[-1] == "up" and len(events.bodies) > 1)
    assert events.bodies[-1]["settings"] == []


def test_another_instrument_is_refused_until_somebody_says_that_it_is_meant(box: Box, begin: Any) -> None:
    thread, finder, events = begin()
    lose(thread, box)
    box.identity, box.on = "ACME,BOX,2,1.0", True
    events.until(lambda: any("ACME,BOX,2,1.0" in body["why"] for body in events.bodies))
    assert thread.state is not LinkState.UP
    assert "before as 'ACME,BOX,1,1.0'" in thread.why
    assert "qctl instruments call box0 reconnect" in thread.why
    finder.forget()
    thread.reconnect()
    events.until(lambda: events.states()[-1] == "up")
    assert thread.identity == "ACME,BOX,2,1.0"


def test_link_is_given_up_after_so_many_tries_until_it_is_asked_for(box: Box, begin: Any) -> None:
    thread, _, events = begin(retries=2)
    lose(thread, box)
    events.until(lambda: events.states().count("down") == 2)
    box.heard.clear()
    assert not box.heard.wait(0.3), "it was tried again"
    call = thread.submit(lambda device: device.identify())
    assert isinstance(call.error, DeviceError)
    assert call.error.message.startswith("box0 is down: ")
    box.on = True
    thread.reconnect()
    events.until(lambda: events.states()[-1] == "up")


def test_signs_of_life_are_asked_when_idle_but_not_while_it_plays(box: Box, begin: Any) -> None:
    thread, _, _ = begin(heartbeat_s=0.1)
    box.heard.clear()
    assert box.heard.wait(5)
    assert box.asked[-1] == "identify"
    thread.playing = True
    assert thread.submit(lambda _: None).wait(5)
    box.heard.clear()
    assert not box.heard.wait(0.4), "a run was disturbed"
    thread.playing = False
    assert box.heard.wait(5)


def test_traffic_proves_life(box: Box, begin: Any) -> None:
    thread, _, _ = begin(heartbeat_s=0.5)
    box.asked.clear()
    end_s = time.monotonic() + 1.0
    while time.monotonic() < end_s:
        assert thread.submit(lambda _: None).wait(5)
    assert box.asked == []


class Serial:
    """A serial device on a pty with a name that changes; it says who it is."""

    def __init__(self, folder: Path, name: str, identity: str) -> None:
        self.ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self.path, self.identity = folder / name, identity
        self.path.symlink_to(os.ttyname(theirs))
        self.theirs = theirs
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        try:
            while os.read(self.ours, 100):
                os.write(self.ours, self.identity.encode() + b"\n")
        except OSError:
            return

    def rename(self, name: str) -> None:
        new = self.path.with_name(name)
        self.path.rename(new)
        self.path = new


def test_serial_port_that_comes_back_under_another_name_is_found_by_who_answers(tmp_path: Path) -> None:
    from qctl.instruments.links.visa import open_visa_link

    Serial(tmp_path, "ttyACM5", "ACME,OTHER,9,1.0")
    device = Serial(tmp_path, "ttyACM0", "ACME,BOX,1,1.0")
    keys = {**KEYS, "address": f"ASRL{device.path}::INSTR", "also_at": f"{tmp_path}/ttyACM*"}

    def open_at(one: Instrument) -> Any:
        link = open_visa_link(one.name, one.address, one.timeout_s, ("ACME", "BOX"))
        link.identify = lambda: link.query("*IDN?")  # type: ignore[attr-defined]
        return link

    finder = Finder(Instrument(**keys), open_at)
    finder().close()
    assert finder.address.endswith("/ttyACM0::INSTR")
    device.rename("ttyACM7")
    finder().close()
    assert finder.address == f"ASRL{tmp_path}/ttyACM7::INSTR"
    device.path.unlink()
    with pytest.raises(DeviceError, match="ttyACM7"):
        finder()


class Plain:
    """A device that is what stands at its address."""

    def __init__(self, at: dict[str, str], address: str) -> None:
        self.identity = at.get(address, "")
        if not self.identity:
            raise DeviceError(f"nobody at {address}")

    def identify(self) -> str:
        return self.identity

    def close(self) -> None: ...


def test_a_finder_that_is_made_anew_looks_for_the_same_one_and_a_first_one_for_none(tmp_path: Path) -> None:
    at: dict[str, str] = {}

    def made(note: Path) -> Finder:
        return Finder(Instrument(**keys), lambda one: Plain(at, one.address), note)  # type: ignore[arg-type, return-value]

    for name in ("ttyACM5", "ttyACM7"):
        (tmp_path / name).touch()
    keys = {**KEYS, "address": f"ASRL{tmp_path}/ttyACM0::INSTR", "also_at": f"{tmp_path}/ttyACM*"}
    mine, other = (f"ASRL{tmp_path}/{name}::INSTR" for name in ("ttyACM7", "ttyACM5"))
    at |= {keys["address"]: "ACME,BOX,1,1.0", other: "ACME,BOX,2,1.0"}
    made(tmp_path / "box.json")()
    at[mine] = at.pop(keys["address"])
    again = made(tmp_path / "box.json")
    again()
    assert (again.address, again.identity) == (mine, "ACME,BOX,1,1.0")
    third = made(tmp_path / "box.json")
    assert third.address == mine
    with pytest.raises(DeviceError, match="nobody at"):
        made(tmp_path / "first.json")()  # who it is was never known: the other box of its kind is not taken for it


@pytest.mark.parametrize("note", [b"", b"{", b"[1, 2]", b"\xff\xfe", b'{"server": "", "address": 5}'])
def test_a_note_that_makes_no_sense_says_nothing(tmp_path: Path, note: bytes) -> None:
    (tmp_path / "box.json").write_bytes(note)
    at = {"here": "ACME,BOX,1,1.0"}
    finder = Finder(
        Instrument(**{**KEYS, "address": "here"}), lambda one: Plain(at, one.address), tmp_path / "box.json"
    )  # type: ignore[arg-type, return-value]
    finder()
    assert (finder.address, finder.identity) == ("here", "ACME,BOX,1,1.0")


def test_a_server_that_is_started_anew_looks_for_the_instruments_of_the_one_before(tmp_path: Path) -> None:
    at: dict[str, str] = {}

    home, other, mine = (f"ASRL{tmp_path}/{name}::INSTR" for name in ("ttyACM0", "ttyACM5", "ttyACM7"))
    for name in ("ttyACM0", "ttyACM5", "ttyACM7"):
        (tmp_path / name).touch()
    keys = {**KEYS, "address": home, "also_at": f"{tmp_path}/ttyACM*"}
    n_servers = iter(range(100))

    def served() -> Finder:
        note, server = tmp_path / "known.json", f"server {next(n_servers)}"
        return Finder(Instrument(**keys), lambda one: Plain(at, one.address), note, server)  # type: ignore[arg-type, return-value]

    def found() -> tuple[str, str]:
        finder = served()
        finder()
        return finder.address, finder.identity

    at |= {home: "ACME,BOX,1,1.0", other: "ACME,BOX,2,1.0"}
    assert found() == (home, "ACME,BOX,1,1.0")
    at[mine] = at.pop(home)  # renamed while no server ran
    waiting = served()
    assert found() == (mine, "ACME,BOX,1,1.0")
    at[home] = "ACME,BOX,3,1.0"  # another one where it was: the same one is looked for first
    assert found() == (mine, "ACME,BOX,1,1.0")
    del at[mine]  # gone: what answers at the address of lab.toml is taken, not what answers elsewhere
    assert found() == (home, "ACME,BOX,3,1.0")
    at.clear()
    with pytest.raises(DeviceError, match="nobody at"):
        waiting()
    at[other] = "ACME,BOX,1,1.0"
    waiting()
    assert waiting.address == other
