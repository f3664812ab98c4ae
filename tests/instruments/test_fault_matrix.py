"""Every wire fault on every kind of link, for query, setting and block: right, or an error by name; then as before.

A driver in its instrument thread, as the server has it, talks to an emulated box over a raw socket, HiSLIP or a pty.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from qctl.errors import DeviceError, QctlError
from qctl.instruments.keysight_infiniium.body import DigitizerBody
from qctl.instruments.links.life import LinkState
from qctl.instruments.qctl_trigger.body import Line, TriggerBody
from qctl.instruments.registry import open_device
from qctl.lab import Lab
from qctl.program.device_program import DeviceProgram
from qctl.server.instrument import InstrumentThread

TIMEOUT_S = 0.3
N_SAMPLES = 500
WORDS = np.arange(250, dtype="<u2") * 37
FAULTS = {
    "corrupt": {"corrupt": 1},
    "cut at once": {"cut": 0},
    "cut": {"cut": 4},
    "cut late": {"cut": 200},
    "drop": {"drop": 1},
    "wrong reply": {"wrong_reply": "what?"},
    "wrong number": {"wrong_reply": "-12345"},
    "late reply": {"late_reply": 2 * TIMEOUT_S},
    "delay": {"delay": TIMEOUT_S / 3},
    "long delay": {"delay": 2 * TIMEOUT_S},
    "silence": {"silence": True},
}


@dataclass(frozen=True)
class Judged:
    """A box: what it is asked, what it is set to, what block it sends; each function returns whether all is right."""

    model: str
    prepare: Callable[[Any], None]
    query: Callable[[Any, int], bool]
    setting: Callable[[Any, int], bool]
    block: Callable[[Any, int], bool]


def _awg_prepare(device: Any) -> None:
    device.link.write('WLIS:WAV:DEL "judged"')
    device.link.query("SYST:ERR?")
    device.link.write(f'WLIS:WAV:NEW "judged",{WORDS.size},INT')
    device.link.write_block(f'WLIS:WAV:DATA "judged",0,{WORDS.size},', WORDS)


def _awg_query(device: Any, k: int) -> bool:
    return bool(device.get(("clock_hz", "trigger_level_v", "reference_source")[k % 3]) == (1.2e9, 1.4, "EXT")[k % 3])


def _awg_setting(device: Any, k: int) -> bool:
    device.set("output1_offset_v", 0.01 * (k + 1))
    return bool(abs(device.get("output1_offset_v") - 0.01 * (k + 1)) < 1e-9)


def _awg_block(device: Any, k: int) -> bool:
    (found,) = device.link.query_blocks('WLIS:WAV:DATA? "judged"')
    return bool(np.array_equal(np.frombuffer(found, "<u2"), WORDS))


def _scope_load(device: Any) -> None:
    body = DigitizerBody(
        rate_hz=5e8, n_samples=N_SAMPLES, delay_s=1e-7, inputs=(1, 2), range_v=(0.8, 0.4), n_records=3, averaged=False
    )
    device.load(DeviceProgram("box0", "keysight-infiniium-s", body.to_bytes()))
    device.arm()
    device.read()


def _scope_query(device: Any, k: int) -> bool:
    return bool(device.get(("rate_hz", "n_samples", "mode")[k % 3]) == (5e8, N_SAMPLES, "SEGM")[k % 3])


def _scope_setting(device: Any, k: int) -> bool:
    device.set("input3_offset_v", 0.01 * (k + 1))
    return bool(abs(device.get("input3_offset_v") - 0.01 * (k + 1)) < 1e-9)


def _scope_block(device: Any, k: int) -> bool:
    ask = ":WAV:SOUR CHAN1;:WAV:DATA?;:WAV:SOUR CHAN2;:WAV:DATA?"
    first, again = (device.link.query_blocks(ask, 2) for _ in range(2))
    return first == again and [len(block) for block in first] == [3 * 2 * N_SAMPLES] * 2


def _trigger_load(device: Any, n_shots: int) -> None:
    body = TriggerBody(n_shots, 20_000, {1: Line(0, 10)}, 1e8)
    device.load(DeviceProgram("box0", "qctl-trigger", body.to_bytes()))


def _trigger_query(device: Any, k: int) -> bool:
    return bool(device.get(("n_shots", "reference_locked", "state")[k % 3]) == (7, False, 0)[k % 3])


def _trigger_setting(device: Any, k: int) -> bool:
    device.set("n_shots", 100 + k)
    found = device.get("n_shots") == 100 + k
    device.set("n_shots", 7)
    return bool(found)


def _trigger_block(device: Any, k: int) -> bool:
    _trigger_load(device, 5 + k)
    device.fire()
    device.wait(2.0)
    return bool(device.get("n_fired") == 5 + k)


BOXES = {
    "raw": Judged("tektronix-awg5014c", _awg_prepare, _awg_query, _awg_setting, _awg_block),
    "hislip": Judged("keysight-infiniium-s", _scope_load, _scope_query, _scope_setting, _scope_block),
    "pty": Judged("qctl-trigger", lambda d: _trigger_load(d, 7), _trigger_query, _trigger_setting, _trigger_block),
}
NAMES = {"raw": "awg0", "hislip": "dig0", "pty": "trig0"}


class Bench:
    """An emulated box, and the thread of its driver."""

    def __init__(self, kind: str, lab: Lab, named: Any, emulated: Any) -> None:
        self.judged, self.name = BOXES[kind], NAMES[kind]
        self.box = emulated(self.judged.model, self.name)
        changes: dict[str, Any] = {"address": self.box.address, "timeout_s": TIMEOUT_S}
        if kind == "hislip":
            old = named(self.name).input
            changes["input"] = dict.fromkeys((1, 2, 3), old[1])
        self.instrument = named(self.name, **changes)
        self.thread = InstrumentThread(self.instrument, lambda: open_device(self.instrument, lab), lambda *_: None)
        self.carry(self.judged.prepare)

    def carry(self, function: Callable[[Any], Any], longest_s: float = 20.0) -> Any:
        """Carry a function out on a link that is up, as often as it takes; a link may need to be opened again first."""
        end_s = time.monotonic() + longest_s
        while True:
            try:
                return self.once(function)
            except DeviceError as error:
                assert self.name in error.message
                assert time.monotonic() < end_s, f"{self.name} did not come back: {error.message}"
                select.select([], [], [], 0.02)

    def once(self, function: Callable[[Any], Any], longest_s: float = 20.0) -> Any:
        """Carry a function out once."""
        call = self.thread.submit(function)
        assert call.wait(longest_s), f"{self.name} hangs"
        if call.error is not None:
            raise call.error
        return call.value

    def close(self) -> None:
        """End the thread."""
        self.box.ask(faults={})
        self.thread.close()
        self.thread.join(5.0)


@pytest.fixture(scope="module", params=BOXES)
def bench(request: pytest.FixtureRequest, lab: Lab, emulated: Any) -> Iterator[Bench]:
    """Return one box of each kind of link."""
    import msgspec

    found = Bench(
        request.param, lab, lambda name, **more: msgspec.structs.replace(lab.instruments[name], **more), emulated
    )
    yield found
    found.close()
    assert threading.active_count() < 50


# Only blocks are as long as "cut late" is.
# A plausible number in place of the right one can't be told from it where nothing confirms it.
NONE = {("wrong number", "query"), ("cut late", "query"), ("cut late", "setting")}
SCENARIOS = [(f, act) for f in FAULTS for act in ("query", "setting", "block") if (f, act) not in NONE]


@pytest.mark.parametrize(("fault", "act"), SCENARIOS)
def test_outcome_is_right_or_an_error_by_name_and_then_all_is_as_before(bench: Bench, fault: str, act: str) -> None:
    judged = bench.judged
    function = getattr(judged, act)
    bench.carry(judged.prepare)
    for k in range(3):
        assert bench.carry(lambda device, k=k: function(device, k)), "wrong without a fault"
    bench.carry(judged.prepare)
    begin_s = time.monotonic()
    bench.box.ask(faults=FAULTS[fault])
    outcome = "right"
    try:
        assert bench.once(lambda device: function(device, 3)), f"a wrong {act} under {fault}"
    except QctlError as error:
        assert isinstance(error, DeviceError), f"{type(error).__name__}: {error.message}"
        assert bench.name in error.message, error.message
        assert error.details.get("instrument") == bench.name
        outcome = f"{type(error).__name__}: {error.message}"
    spent_s = time.monotonic() - begin_s
    print(f"{spent_s:5.2f} s  {outcome}")
    assert spent_s < bench.thread.longest_s + 2.5
    bench.box.ask(faults={})
    bench.carry(judged.prepare)
    for k in range(9):
        assert bench.carry(lambda device, k=k: judged.query(device, k)), "an answer met the wrong question"
    for k in range(2):
        assert bench.once(lambda device, k=k: judged.block(device, k))
        assert bench.once(lambda device, k=k: judged.setting(device, k))
    assert bench.thread.state == LinkState.UP
