"""Existing firmware by lines and by Modbus beside a processor: links, limits, leases and faults as others have."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from whole_lab import WholeLab

import qctl
from qctl.errors import DeviceError, LeaseError, LimitError, NotAllowedError, RefusedError

SEED = 3


@pytest.fixture(scope="module")
def bridged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return the lab bridged1, served."""
    lab = WholeLab(tmp_path_factory.mktemp("bridged"), "bridged1", SEED)
    try:
        yield lab
    finally:
        lab.end()


@pytest.fixture
def boxes(bridged: Any) -> Iterator[Any]:
    """Return the instruments; afterwards no fault is left, and every link is up."""
    bridged.all_up()
    yield bridged.client.instruments
    bridged.clear()
    bridged.all_up()


def test_values_are_set_read_back_and_known_with_their_units(boxes: Any) -> None:
    shutter, chiller = boxes["shutter0"], boxes["chiller0"]
    shutter.set("dac1_v", 0.125)
    shutter.set("shutter1", "OPEN")
    chiller.set("setpoint_c", 25.5)
    chiller.set("mode", "COOL")
    chiller.set("pump_on", True)
    assert (shutter.get("dac1_v"), shutter.get("shutter1"), shutter.get("light_v")) == (0.125, "OPEN", 0.012)
    assert [chiller.get(name) for name in ("setpoint_c", "mode", "pump_on")] == [25.5, "COOL", True]
    assert (chiller.get("temperature_c"), chiller.get("flow_l_per_min")) == (21.3, 7.25)
    assert chiller.snapshot()["parameters"]["setpoint_c"]["unit"] == "°C"


def test_limits_hold_on_every_path_and_the_firmware_refuses_in_its_own_words(boxes: Any) -> None:
    shutter, chiller = boxes["shutter0"], boxes["chiller0"]
    shutter.set("dac1_v", 0.5)
    for refused in (lambda: shutter.set("dac1_v", 1.01), lambda: shutter.raw("SET DAC 1 1.01")):
        with pytest.raises(LimitError, match=r"dac1_v = 1.01 is outside \[-1, 1\]"):
            refused()
    with pytest.raises(LimitError, match=r"setpoint_c = 30.1 is outside \[10, 30\]"):
        chiller.raw("holding 0 int16 / 10 = 30.1")
    with pytest.raises(RefusedError, match=r"shutter0 refused dac2_v = 7\.0 \(SET DAC 2 7\.000\): ERR 3 out of range"):
        shutter.set("dac2_v", 7.0)
    for box in (shutter, chiller):
        for text in ("*CLS", "*OPC?", "SYST:ERR?"):  # it need not know SCPI, and its answer would stand unread
            with pytest.raises(NotAllowedError, match="matches no command"):
                box.raw(text)
    assert shutter.raw("GET DAC 1") == "DAC 1 = 0.500 V"
    assert chiller.raw("input 0 int16 / 10") == "21.3"


HOLDER = """
import os, sys, qctl
other = qctl.connect(sys.argv[1])
other.lease("shutter0", ttl_s=1.0)
other.instruments["shutter0"].set("dac1_v", 0.75)
print("held", flush=True)
sys.stdin.readline()
os._exit(1)
"""


def test_a_lease_keeps_others_away_and_its_death_brings_the_safe_state(bridged: Any, boxes: Any) -> None:
    words = [sys.executable, "-c", HOLDER, bridged.address]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LeaseError):
            boxes["shutter0"].set("dac1_v", 0.25)
        holder.stdin.write("\n")
        holder.stdin.flush()
        holder.wait(10)
    bridged.until(lambda: boxes["shutter0"].get("dac1_v") == 0.0, "the safe state")


@pytest.mark.parametrize(
    ("name", "fault", "words"),
    [
        ("shutter0", ("cut", "3"), "came where its echo was due"),
        ("shutter0", ("silence", ""), "no answer in time"),
        ("chiller0", ("cut", "3"), "no answer in time"),
        ("chiller0", ("late_reply", "1.5"), "no answer in time"),
    ],
)
def test_a_fault_costs_the_link_and_nothing_else(
    bridged: Any, boxes: Any, name: str, fault: tuple[str, str], words: str
) -> None:
    parameter, value, safe = ("dac1_v", 0.25, 0.0) if name == "shutter0" else ("setpoint_c", 22.5, 20.0)
    boxes[name].set(parameter, value)
    before = {row["name"]: row["n_lost"] for row in bridged.client.instrument_rows()}
    bridged.fault(fault[0], name, fault[1])
    bridged.until(lambda: bridged.row(name)["n_lost"] > before[name], "the loss is noticed")
    assert words in bridged.row(name)["last_error"]
    bridged.clear()
    bridged.all_up()
    assert boxes[name].get(parameter) == safe  # as of any instrument whose link is opened again
    boxes[name].set(parameter, value)
    after = {row["name"]: row["n_lost"] for row in bridged.client.instrument_rows()}
    assert {one for one in before if after[one] != before[one]} == {name}


def test_a_power_cut_is_told_by_the_settings_that_it_took(bridged: Any, boxes: Any) -> None:
    boxes["shutter0"].set("dac1_v", 0.25)
    boxes["chiller0"].set("setpoint_c", 25.0)
    lost = {name: bridged.row(name)["n_lost"] for name in ("shutter0", "chiller0")}
    for name in lost:
        bridged.fault("power_cycle", name, "1.5")
    bridged.until(lambda: all(bridged.row(name)["n_lost"] > n for name, n in lost.items()), "both are noticed")
    bridged.clear()
    bridged.all_up()
    assert (boxes["shutter0"].get("dac1_v"), boxes["chiller0"].get("setpoint_c")) == (0.0, 20.0)


def test_an_unplugged_board_is_found_at_its_new_port(bridged: Any, boxes: Any) -> None:
    lost = bridged.row("chiller0")["n_lost"]
    bridged.fault("renamed", "chiller0", "0.5")
    bridged.until(lambda: bridged.row("chiller0")["n_lost"] > lost, "the loss is noticed")
    bridged.clear()
    bridged.all_up()
    assert boxes["chiller0"].get("temperature_c") == 21.3


def test_a_dead_unit_of_a_line_is_down_alone_and_comes_back(bridged: Any, boxes: Any) -> None:
    valve, meter = boxes["valve0"], boxes["meter0"]
    valve.set("opening", 12.5)
    assert (valve.get("position"), meter.get("flow_l_per_min")) == (12.5, 4.12)
    with pytest.raises(LimitError, match=r"valve0: opening = 60.1 is outside \[0, 60\]"):
        valve.set("opening", 60.1)
    before = {row["name"]: row["n_lost"] for row in bridged.client.instrument_rows()}
    bridged.fault("silence", "valve0")
    bridged.until(lambda: bridged.row("valve0")["n_retries"] > 1, "it is tried again")
    for _ in range(20):
        assert meter.get("flow_l_per_min") == 4.12
    with pytest.raises(DeviceError, match=r"valve0 is (down|reconnecting)"):
        valve.get("opening")
    after = {row["name"]: row["n_lost"] for row in bridged.client.instrument_rows()}
    assert {one for one in before if after[one] != before[one]} == {"valve0"}
    bridged.clear()
    bridged.all_up()
    assert valve.get("opening") == 0.0


def test_a_lease_on_one_unit_of_a_line_leaves_the_others_to_others(bridged: Any, boxes: Any) -> None:
    with qctl.connect(bridged.address) as other, other.lease("valve0"):
        with pytest.raises(LeaseError, match="valve0"):
            boxes["valve0"].set("opening", 1.0)
        assert boxes["meter0"].raw("input 0 uint16 / 100") == "4.12"


def test_a_line_that_is_unplugged_takes_its_units_and_brings_them_back(bridged: Any, boxes: Any) -> None:
    lost = {name: bridged.row(name)["n_lost"] for name in ("valve0", "meter0")}
    bridged.fault("renamed", "bus0", "0.5")
    bridged.until(lambda: all(bridged.row(name)["n_lost"] > n for name, n in lost.items()), "both are noticed")
    bridged.clear()
    bridged.all_up()
    assert (boxes["valve0"].get("position"), boxes["meter0"].get("temperature_c")) == (0.0, 18.7)


def test_the_processor_beside_them_runs_meanwhile(bridged: Any, boxes: Any) -> None:
    bridged.fault("silence", "shutter0")
    c = qctl.Circuit(1)
    c.h(0)
    c.measure_all()
    assert sum(bridged.client.run(c, shots=100).result(60).counts.values()) == 100
    with pytest.raises(DeviceError):
        boxes["shutter0"].get("dac1_v")


def test_lab_toml_is_judged_before_anything_is_opened(bridged: Any, tmp_path: Path) -> None:
    text = bridged.toml.read_text().replace("holding 0 int16 / 10", "holding 0 int17 / 10")
    (tmp_path / "wrong.toml").write_text(text)
    done = bridged.command("check", str(tmp_path / "wrong.toml"))
    assert done.returncode == 1
    assert "instruments.chiller0.parameter.setpoint_c.register: 'holding 0 int17 / 10': the type int17" in done.stderr
