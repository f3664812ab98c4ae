"""The page existing-firmware.md is followed: its emulators run, and its entries of lab.toml drive them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qctl.errors import LimitError, RefusedError
from qctl.instruments import registry
from qctl.lab import parse_lab

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "existing-firmware.md").read_text("utf-8")
ENTRIES = re.findall(r"^```toml\n(.*?)^```", PAGE, re.M | re.S)
EMULATORS = "\n\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S))


@pytest.fixture
def emulated(tmp_path: Path) -> Iterator[Any]:
    """Start emulators of the page's module by class."""
    (tmp_path / "lab_boxes.py").write_text(EMULATORS)
    running: list[subprocess.Popen[str]] = []

    def start(kind: str) -> str:
        words = [sys.executable, "-m", "qctl.hil.instruments", "--model", f"lab_boxes:{kind}", "--name", "box"]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        running.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment))
        said = running[-1].stdout
        assert said is not None
        word, _, address = said.readline().strip().partition(" ")
        assert word == "ready"
        return address

    yield start
    for process in running:
        process.terminate()
        process.communicate(timeout=10)


def opened(entry: str, address: str) -> Any:
    """Return the device of an entry of the page at another address."""
    base = (
        (ROOT / "tests" / "support" / "transmon5.toml").read_text().replace("/dev/pts/5::", "/dev/ttyNONE0::")
    )  # one of ours may be pts 5
    lab = parse_lab(base + re.sub(r'^address = ".*"', f'address = "{address}"', entry, flags=re.M))
    name = re.findall(r"^\[instruments\.(\w+)\]", entry, re.M)[0]
    return registry.open_device(lab.instruments[name], lab), lab.instruments[name]


def test_the_board_of_lines_is_driven_by_its_entry(emulated: Any) -> None:
    device, entry = opened(ENTRIES[0], emulated("ShutterBox"))
    try:
        device.set("dac1_v", 1e-3)
        device.set("shutter1", "open")
        assert device.get_all() == {
            "identity": "SHUTTERBOX 1.4 B010001", "dac1_v": 0.001, "shutter1": "OPEN", "light_v": 0.012,
        }  # fmt: skip
        with pytest.raises(LimitError, match=r"dac1_v = 1.5 is outside \[-1, 1\]"):
            registry.speak_raw(device, entry, "set dac 1 1.5")
        assert registry.speak_raw(device, entry, "GET LIGHT") == "LIGHT = 0.0120 V"
        with pytest.raises(RefusedError, match=r"refused .*: ERR 1 unknown command"):
            device.settings.pass_on("OPEN SESAME")
        device.safe()
        assert (device.get("dac1_v"), device.get("shutter1")) == (0.0, "CLOSED")
    finally:
        device.close()


def test_the_chiller_is_driven_by_its_entry(emulated: Any) -> None:
    device, entry = opened(ENTRIES[1], emulated("Chiller"))
    try:
        device.set("setpoint_c", 25.55)
        device.set("mode", "cool")
        device.set("pump_on", True)
        assert device.get_all() == {
            "identity": "Cool Water Ltd,CW-40 B010001,2.7", "setpoint_c": 25.6, "mode": "COOL", "pump_on": True,
            "temperature_c": 21.3, "flow_l_per_min": 7.25,
        }  # fmt: skip
        assert registry.speak_raw(device, entry, "holding 0 int16 / 10") == "25.6"
        with pytest.raises(RefusedError, match="refused holding 0 int16 / 10 = 40: ERR 3 illegal data value"):
            device.settings.pass_on("holding 0 int16 / 10 = 40")
        device.safe()
        assert [device.get(name) for name in ("setpoint_c", "mode", "pump_on")] == [20.0, "OFF", False]
    finally:
        device.close()


def test_units_of_one_line_are_driven_by_their_entries(emulated: Any) -> None:
    address = emulated("CoolingLine")
    one, _, two = ENTRIES[2].partition("[instruments.meter0]")
    both = [opened(entry, address)[0] for entry in (one, f"[instruments.meter0]{two}")]
    try:
        both[0].set("opening", 33.3)
        assert (both[0].get("opening"), both[1].get_all()) == (33.3, {"identity": "19714", "flow_l_per_min": 4.12})
    finally:
        for device in both:
            device.close()
