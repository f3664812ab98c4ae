"""Slow voltages on every path, as wire and box see it: at the limit, over it, and on their way to the safe state.

The lab's time is slow enough to watch ramps, and what the server sends to the source is noted on the wire.
"""

from __future__ import annotations

import asyncio
import math
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvisa
from probe import PROBE

import qctl
from qctl.errors import LimitError
from qctl.hil.lab import ask_plant

RATE = 5.0
SLEW, LIMIT_V = 0.1, 1.0
SAFE_V = {1: -0.05, 2: 0.02}
NEXT_V = float(np.nextafter(LIMIT_V, 2))
STEP_V = 20 / 2**20
"""One step of the 20-bit converter over its ±10 V."""


class Watched:
    """A small lab in slow motion; its DC source is also read by PyVISA, past the server."""

    def __init__(self, folder: Path) -> None:
        from whole_lab import WholeLab
        from wire_proxy import WireProxy, through_proxy

        self.proxy: WireProxy
        self.direct = ""

        def edit(text: str) -> str:
            for number, volts in SAFE_V.items():
                old = f"output.{number} = {{ limits_v = [-1.0, 1.0], slew_v_per_s = 0.1, safe_v = 0.0 }}"
                assert old in text
                text = text.replace(old, old.replace("safe_v = 0.0", f"safe_v = {volts}"))
            self.direct = text.partition("[instruments.dc0]")[2].partition('address = "')[2].partition('"')[0]
            text, self.proxy = through_proxy(text, "dc0")
            return text

        self.lab = WholeLab(folder, "transmon2", 3, rate=RATE, edit=edit)
        self.source = self.lab.client.instruments["dc0"]
        self.box = pyvisa.ResourceManager("@py").open_resource(
            self.direct, read_termination="\n", write_termination="\n", timeout=3000
        )

    def end(self) -> None:
        """End everything."""
        self.box.close()
        self.lab.end()
        self.proxy.close()

    def now_s(self) -> float:
        """Return lab time."""
        return float(asyncio.run(ask_plant(self.lab.plant, "now"))["now_s"])

    def volts(self) -> list[float]:
        """Return what the box says of both outputs."""
        return [float(self.box.query(f"SOUR{number}:VOLT:LAST?")) for number in SAFE_V]

    def sample(self, until: Callable[[list[float]], bool], timeout_s: float = 15.0) -> np.ndarray:
        """Return rows of (earliest time, latest time, volts 1, volts 2) until the voltages are as wanted."""
        rows, end_s = [], time.monotonic() + timeout_s
        while True:
            before_s = self.now_s()
            volts = self.volts()
            rows.append([before_s, self.now_s(), *volts])
            if until(volts):
                return np.array(rows)
            assert time.monotonic() < end_s, f"the outputs are at {volts}"
            select.select([], [], [], 0.005)

    def go(self, number: int, volts: float) -> None:
        """Bring an output somewhere, and wait for it."""
        self.source.set(f"output{number}_voltage_v", volts)
        self.sample(lambda now: abs(now[number - 1] - volts) < 1e-6)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Return the lab in slow motion."""
    found = Watched(tmp_path_factory.mktemp("slow"))
    try:
        yield found
    finally:
        found.end()


def check_slew(rows: np.ndarray) -> float:
    """Check that no two samples are further apart than the slew allows, and return the largest part of it used."""
    most = 0.0
    for k in (2, 3):
        way = np.abs(np.diff(rows[:, k]))
        longest = rows[1:, 1] - rows[:-1, 0]
        assert (way <= SLEW * longest + 1e-6).all(), f"output {k - 1} moved {way.max()} V in {longest[way.argmax()]} s"
        most = max(most, float((way / (SLEW * longest)).max()))
    return most


def by_visa(watched: Watched, *texts: str) -> None:
    """Send texts as a PyVISA script does."""
    with qctl.visa_manager(watched.lab.address) as visa:
        resource = visa.open_resource("dc0", read_termination="\n", write_termination="\n")
        for text in texts:
            resource.write(text)


RAW_SWEEP = (
    "SOUR1:SWE:STAR -0.05;:SOUR1:SWE:STOP 0.35",
    "SOUR1:SWE:POIN 41;:SOUR1:SWE:DWEL 0.1",
    "SOUR1:VOLT:MODE SWE",
)
PATHS: dict[str, Callable[[Watched], None]] = {
    "set": lambda w: w.source.set("output1_voltage_v", 0.35),
    "list": lambda w: w.source.call("run_list", 1, [-0.05 + 0.01 * k for k in range(41)], 0.1),
    "sweep": lambda w: w.source.call("run_sweep", 1, -0.05, 0.35, 41, 0.1),
    "raw": lambda w: w.source.raw("SOUR1:VOLT 0.35"),
    "visa": lambda w: by_visa(w, "SOUR1:VOLT 0.35"),
    "visa sweep": lambda w: by_visa(w, *RAW_SWEEP, "SOUR1:DC:INIT"),
}


@pytest.mark.parametrize("path", PATHS)
def test_safe_while_an_output_moves_goes_to_the_safe_voltage_at_the_slew(slow: Watched, path: str) -> None:
    for number, volts in SAFE_V.items():
        slow.go(number, volts)
    slow.source.set("output2_voltage_v", -0.2)
    PATHS[path](slow)
    up = slow.sample(lambda now: now[0] > 0.03)
    asked_s = slow.now_s()
    slow.lab.client.safe("dc0")
    high = slow.volts()[0]
    down = slow.sample(lambda now: all(abs(now[n - 1] - volts) < 1e-9 for n, volts in SAFE_V.items()))
    used = check_slew(np.concatenate([up, down]))
    assert used > 0.5, "the samples are too far apart to show a ramp"
    assert (np.diff(down[:, 2]) <= 1e-9).all(), "output 1 turned round on its way to the safe voltage"
    assert down[-1, 1] - asked_s >= 0.9 * (high - SAFE_V[1]) / SLEW
    stays = slow.sample(lambda now: slow.now_s() > asked_s + 6.0)
    np.testing.assert_allclose(stays[-1, 2:], list(SAFE_V.values()), atol=1e-9)


def sweep_to(watched: Watched, volts: float) -> None:
    """Start a sweep that ends somewhere; its steps are as fast as the slew allows."""
    watched.source.call("run_sweep", 1, volts - 0.02, volts, 3, 0.1)


AT_LIMIT: dict[str, Callable[[Watched, float], None]] = {
    "set": lambda w, v: w.source.set("output1_voltage_v", v),
    "set_many": lambda w, v: w.lab.client.set_many({"dc0": {"output2_voltage_v": 0.0, "output1_voltage_v": v}}),
    "list": lambda w, v: w.source.call("run_list", 1, [v - 0.01 if v > 0 else v + 0.01, v], 0.1),
    "sweep": sweep_to,
    "raw": lambda w, v: w.source.raw(f"SOUR1:VOLT {v!r}"),
    "raw long form": lambda w, v: w.source.raw(f"SOURce1:DC:VOLTage:LEVel:IMMediate:AMPLitude {v!r}"),
    "raw list": lambda w, v: w.source.raw(f"SOUR1:LIST:VOLT 0,{v!r}"),
    "raw sweep": lambda w, v: w.source.raw(f"SOUR1:SWE:STOP {v!r}"),
    "visa": lambda w, v: by_visa(w, f"SOUR1:VOLT {v!r}"),
    "visa list": lambda w, v: by_visa(w, f"SOUR1:LIST:VOLT 0.5,{v!r}"),
}


@pytest.mark.parametrize("path", AT_LIMIT)
def test_limit_passes_and_what_is_next_to_it_is_never_sent(slow: Watched, path: str) -> None:
    act = AT_LIMIT[path]
    slow.lab.client.safe("dc0")
    before = len(slow.proxy.sent)
    act(slow, LIMIT_V)
    assert slow.proxy.settings(before), "the limit itself was not sent"
    slow.lab.client.safe("dc0")
    for volts in (NEXT_V, LIMIT_V + STEP_V, -NEXT_V, math.nan, math.inf):
        before = len(slow.proxy.sent)
        with pytest.raises(LimitError, match="dc0"):
            act(slow, volts)
        sent = slow.proxy.settings(before)
        assert not sent, f"{path} to {volts!r} sent {sent}"


def test_slew_passes_at_its_limit_and_is_never_sent_over_it(slow: Watched) -> None:
    slow.source.set("output1_slew_v_per_s", SLEW)
    for text in (f"SOUR1:VOLT:SLEW {float(np.nextafter(SLEW, 1))!r}", "SOUR1:VOLT:SLEW 0.2", "SOUR1:VOLT:SLEW NAN"):
        for send in (slow.source.raw, lambda words: by_visa(slow, words)):
            before = len(slow.proxy.sent)
            with pytest.raises(LimitError):
                send(text)
            assert not slow.proxy.settings(before)
    with pytest.raises(LimitError):
        slow.source.set("output1_slew_v_per_s", float(np.nextafter(SLEW, 1)))


@pytest.mark.parametrize("end_v", [0.0201, 0.2])
def test_steps_faster_than_the_slew_do_not_start(slow: Watched, end_v: float) -> None:
    slow.lab.client.safe("dc0")
    slow.sample(lambda now: abs(now[0] - SAFE_V[1]) < 1e-9)
    with pytest.raises(LimitError, match="V/s"):
        slow.source.call("run_sweep", 1, 0.0, end_v, 3, 0.1)
    with pytest.raises(LimitError, match="V/s"):
        slow.source.call("run_list", 1, [0.0, end_v / 2, end_v], 0.1)
    assert slow.volts()[0] == pytest.approx(SAFE_V[1], abs=1e-9)


def test_cancel_while_a_bias_ramps_turns_it_round_at_once(slow: Watched) -> None:
    for number, volts in SAFE_V.items():
        slow.go(number, volts)
    slow.lab.client.write_snapshot("qpu0", {"qubits": {"q0": {"flux": {"offset_v": 0.8}}}}, "a far bias")
    job = slow.lab.client.run(qctl.Circuit.from_qasm(PROBE), shots=10)
    up = slow.sample(lambda now: now[0] > 0.05)
    job.cancel()
    down = slow.sample(lambda now: all(abs(now[n - 1] - volts) < 1e-9 for n, volts in SAFE_V.items()))
    check_slew(np.concatenate([up, down]))
    assert down[:, 2].max() < 0.4, "the output went on to its bias after the cancel"
    slow.lab.until(lambda: job.state == "cancelled", "the job is cancelled")
