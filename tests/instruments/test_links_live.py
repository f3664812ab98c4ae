"""Links of every kind are lost and come back: sockets, HiSLIP, serial lines, packets, HTTP and servers of devices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from zurich_server import lab_at, zurich_server

from qctl.errors import DeviceError
from qctl.instruments.registry import open_device
from qctl.lab import Instrument, Lab
from qctl.server.finding import Finder
from qctl.server.instrument import InstrumentThread

KEYS: dict[str, Any] = {"timeout_s": 1.0, "heartbeat_s": 0.2, "retry_s": (0.05, 0.2)}
KINDS = {
    "socket": ("lakeshore-336", "bridge"),
    "hislip": ("rohde-schwarz-sgs100a", "lo_drive"),
    "serial": ("lakeshore-335", "thermometer"),
    "packets": ("qctl-trigger", "trig0"),
    "http": ("bluefors-gen1", "fridge"),
    "register server": ("qctl-atoms", "atoms0"),
}


class Live:
    """An instrument's thread, and what it told of its link."""

    def __init__(self, instrument: Instrument, lab: Lab, faults: Callable[..., Any]) -> None:
        self.states: list[str] = []
        self.faults = faults
        self._more = threading.Condition()
        finder = Finder(instrument, lambda one: open_device(one, lab))
        self.thread = InstrumentThread(instrument, finder, self._told)

    def _told(self, topic: str, of: object, body: dict[str, Any]) -> None:
        if topic == "link":
            with self._more:
                self.states.append(body["state"])
                self._more.notify_all()

    def until(self, state: str) -> None:
        """Wait until the link comes to a state."""
        with self._more:
            found = self._more.wait_for(lambda: state in self.states, 20)
        assert found, f"not {state} but {self.states}: {self.thread.why}"


@pytest.fixture
def live(lab: Lab, emulated: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Live]:
    if request.param == "data server":
        with zurich_server(tmp_path) as server:
            there = lab_at(server)
            instrument = msgspec.structs.replace(there.instruments["hd0"], **KEYS)
            found = Live(instrument, there, server.faults)
            yield found
            found.thread.close()
            found.thread.join(5)
        return
    model, name = KINDS[request.param]
    box = emulated(model, name, baud=57_600)
    keys = {"name": name, "model": model, "address": box.address, "reference": None, **KEYS}
    instrument = (
        msgspec.structs.replace(lab.instruments[name], **keys) if name in lab.instruments else Instrument(**keys)
    )
    found = Live(instrument, lab, lambda **faults: box.ask(faults=faults))
    yield found
    box.ask(faults={})
    found.thread.close()
    found.thread.join(5)


SLOW = {"hislip", "data server"}


@pytest.mark.parametrize(
    "live",
    [pytest.param(kind, marks=[pytest.mark.full] if kind in SLOW else []) for kind in (*KINDS, "data server")],
    indirect=True,
)
def test_instrument_that_loses_its_power_or_says_nothing_is_noticed_when_idle_and_comes_back(live: Live) -> None:
    live.until("up")
    for fault in ({"power_cycle": 0.3}, {"half_open": True}):
        live.states.clear()
        live.faults(**fault)
        live.until("degraded")
        call = live.thread.submit(lambda device: device.identify())
        assert call.error is None or isinstance(call.error, DeviceError)
        live.faults()
        live.until("up")
        assert live.states[0] == "degraded"
        assert live.states[-2:] == ["reconnecting", "up"]
    assert live.thread.told()["n_lost"] == 2
    assert live.thread.told()["n_retries"] == 0
