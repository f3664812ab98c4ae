"""Declared, hosted and HTTP instruments behind a whole server: get, set, snapshot, limits, leases, safe state."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import qctl
from qctl.errors import LeaseError, LimitError, NotAllowedError, RequestError

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
MORE = """
[instruments.att0]
model = "minicircuits-rcdat"
address = "{att0}"
group = "declared"
parameter.attenuation_db = {{ limits = [20, 90], safe = 60 }}

[instruments.ls0]
model = "lakeshore-372"
address = "{ls0}"
group = "declared"
parameter.output0_range = {{ words = ["off", "31.6uA"] }}

[instruments.fridge]
model = "bluefors-gen1"
address = "{fridge}"
group = "declared"

[instruments.lo9]
model = "qcodes:qcodes.instrument_drivers.rohde_schwarz.RohdeSchwarzSGS100A"
address = "{lo9}"
group = "hosted"
timeout_s = 2.0
parameter.power = {{ limits = [-60, 0], safe = -60 }}
parameter.frequency = {{ limits = [4e9, 6e9] }}
parameter.status = {{ safe = false }}

[instruments.gen9]
model = "pymeasure:pymeasure.instruments.agilent.Agilent8257D"
address = "{gen9}"
group = "hosted"
init = {{ read_termination = "\\n", write_termination = "\\n" }}
parameter.power = {{ limits = [-60, 0], safe = -60 }}
"""
MODELS = {"att0": "minicircuits-rcdat", "ls0": "lakeshore-372", "fridge": "bluefors-gen1"}
MODELS |= {"lo9": "rohde-schwarz-sgs100a", "gen9": "keysight-e8257d"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Run emulators, and a server over them; instruments that the tests don't talk to have addresses of nobody."""
    from emulators import Emulator

    folder = tmp_path_factory.mktemp("declared")
    boxes = {name: Emulator(model, name, folder) for name, model in MODELS.items()}
    text = (ROOT / "tests" / "support" / "transmon5.toml").read_text()
    nobody = count()
    text = re.sub(r'address = "[^"]*"', lambda _: f'address = "ASRL/dev/nobody{next(nobody)}::INSTR"', text)
    lab = folder / "lab.toml"
    lab.write_text(text + MORE.format(**{name: box.address for name, box in boxes.items()}))
    command = [sys.executable, "-m", "qctl", "serve", "--lab", str(lab), "--bind", "tcp://127.0.0.1:0"]
    server = subprocess.Popen(
        [*command, "--store", str(folder / "store"), "--workers", "1"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith("ready "), line
        yield SimpleNamespace(address=line.split()[1], boxes=boxes)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        if server.stdout is not None:
            server.stdout.close()
        for box in boxes.values():
            box.stop()


@pytest.fixture
def lab(bench: SimpleNamespace) -> Iterator[Any]:
    """Connect, for one test."""
    with qctl.connect(bench.address) as found:
        yield found


def test_declared_instrument_is_set_within_its_limits(lab: Any) -> None:
    att = lab.instruments["att0"]
    att.set("attenuation_db", 30.5)
    assert att.get("attenuation_db") == 30.5
    with pytest.raises(LimitError, match=r"attenuation_db = 10 is outside \[20, 90\]"):
        att.set("attenuation_db", 10)
    with pytest.raises(LimitError, match="att0"):
        att.raw("SETATT=10")
    att.raw("SETATT=40")
    shown = att.snapshot()["parameters"]["attenuation_db"]
    assert (shown["value"], shown["unit"], shown["full_name"]) == (40.0, "dB", "att0_attenuation_db")
    att.call("safe")
    assert att.get("attenuation_db") == 60.0


def test_thermometry_is_read(lab: Any, bench: SimpleNamespace) -> None:
    bench.boxes["ls0"].ask(faults={"readings": {"6": 0.0125}, "status": {"7": 16}})
    shown = lab.instruments["ls0"].snapshot()["parameters"]
    assert (shown["input6_temperature_k"]["value"], shown["input7_temperature_k"]["value"]) == (0.0125, None)
    told = subprocess.run(
        [sys.executable, "-m", "qctl", "instruments", "get", "ls0", "--server", bench.address],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    assert {"input6_temperature_k = 0.0125", "input7_temperature_k tells no value"} <= set(told.splitlines())
    lab.instruments["ls0"].set("output0_range", "31.6uA")
    with pytest.raises((LimitError, RequestError)):
        lab.instruments["ls0"].set("output0_range", "100mA")
    with pytest.raises(LimitError, match=r"has no limits or words in lab.toml"):
        lab.instruments["ls0"].set("output0_setpoint_k", 0.1)
    assert lab.instruments["fridge"].get("tmixing_k") == 0.0113


@pytest.mark.parametrize(("name", "parameter"), [("lo9", "power"), ("gen9", "power")])
def test_hosted_instrument_is_set_within_its_limits(lab: Any, name: str, parameter: str) -> None:
    hosted = lab.instruments[name]
    hosted.set(parameter, -12.5)
    assert hosted.get(parameter) == -12.5
    with pytest.raises(LimitError, match=rf"{parameter} = 5 is outside \[-60, 0\]"):
        hosted.set(parameter, 5)
    assert hosted.snapshot()["parameters"][parameter]["value"] == -12.5
    with pytest.raises(RequestError, match="offers no method write"):
        hosted.call("write", "POW 10")
    with pytest.raises(NotAllowedError):
        hosted.raw("POW 10")
    with pytest.raises(RequestError, match="no settable parameter"):
        hosted.set("phase" if name == "lo9" else "dwell_time", 1.0)


def test_lease_keeps_others_off_a_hosted_instrument_and_ends_in_its_safe_state(
    lab: Any, bench: SimpleNamespace
) -> None:
    with lab.lease("lo9"):
        lab.instruments["lo9"].set("power", -20.0)
        with qctl.connect(bench.address) as other, pytest.raises(LeaseError):
            other.instruments["lo9"].set("power", -30.0)
    lab.instruments["lo9"].call("safe")
    assert (lab.instruments["lo9"].get("power"), lab.instruments["lo9"].get("status")) == (-60.0, False)
