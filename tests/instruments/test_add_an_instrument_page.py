"""The page add-an-instrument.md is followed: its blocks become driver, emulator and tests, and all of it works."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from qctl.errors import LimitError, RefusedError
from qctl.hil.instruments import models as emulated_models
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.instruments.serve import serve
from qctl.instruments import registry
from qctl.instruments.probe import lab_lines, probe
from qctl.lab import Instrument, parse_lab
from qctl.server.instrument import InstrumentThread
from qctl.server.verbs import INSTRUMENT_VERBS
from qctl.wire import Snapshot

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "add-an-instrument.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"^`([\w/]+\.py)`:\n\n```python\n(.*?)^```", PAGE, re.M | re.S))
DRIVER, EMULATOR = "instruments/yokogawa_gs200.py", "hil/instruments/yokogawa_gs200.py"


def module(path: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a block as the module that it would be at its path."""
    name = f"qctl.{path.removesuffix('.py').replace('/', '.')}"
    found = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, found)
    exec(compile(BLOCKS[path], f"docs/add-an-instrument.md: {path}", "exec"), found.__dict__)
    return found


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Make the page's driver, and name it in the registry."""
    row = eval(f"({BLOCKS['instruments/registry.py'].strip()})", {"Model": registry.Model})[0]
    monkeypatch.setitem(registry.MODELS, row.name, row)
    return module(DRIVER, monkeypatch)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the page's emulator, and return where it answers."""
    module(EMULATOR, monkeypatch)
    row = eval(f"{{{BLOCKS['hil/instruments/models.py']}}}", {"Model": emulated_models.Model})
    monkeypatch.setitem(emulated_models.MODELS, *row.popitem())
    loop, ready, told = asyncio.new_event_loop(), threading.Event(), list[str]()

    def run() -> None:
        asyncio.set_event_loop(loop)
        config = EmulatorConfig("yokogawa-gs200", "bias0")
        task = loop.create_task(serve(config, NoPlant(), lambda text: (told.append(text), ready.set())[0]))
        told_task.append(task)
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            loop.close()

    told_task: list[Any] = []
    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    yield told[0]
    loop.call_soon_threadsafe(told_task[0].cancel)
    thread.join(10)


def entry(address: str = "") -> Instrument:
    """Return the page's entry of lab.toml, with another address."""
    block = next(block for block in re.findall(r"^```toml\n(.*?)^```", PAGE, re.M | re.S) if "yokogawa" in block)
    found = parse_lab(block).instrument("bias0")
    return Instrument(name="bias0", model=found.model, address=address or found.address, parameter=found.parameter)


@pytest.mark.parametrize("path", [DRIVER, EMULATOR])
def test_a_declaration_of_five_settings_has_at_most_fifteen_lines(path: str) -> None:
    code = re.sub(r'"""(.*?)"""', "", BLOCKS[path], flags=re.S)
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith(("import", "from"))]
    assert len(lines) <= 15


def test_the_pages_transcript_passes(driver: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    tests = module("tests/instruments/test_yokogawa_gs200.py", monkeypatch)
    found = [test for name, test in vars(tests).items() if name.startswith("test_")]
    assert found
    for test in found:
        test()


def test_driver_and_emulator_understand_each_other(driver: ModuleType, address: str, lab: Any) -> None:
    thread = InstrumentThread(entry(address), lambda: registry.open_device(entry(address), lab), lambda *told: None)
    assert thread.tried.wait(10)
    device = thread.device
    assert device is not None, thread.why
    device.set("function", "curr")
    device.set("range", 0.1)
    device.set("level", -1.25)
    device.set("protection_v", 15)
    device.set("output_on", True)
    with pytest.raises(LimitError, match=r"level = 1.6 is outside \[-1.5, 1.5\]"):
        device.set("level", 1.6)
    with pytest.raises(LimitError, match=r"level = 1.6 is outside"):
        registry.speak_raw(device, entry(), ":source:level 1.6")
    registry.speak_raw(device, entry(), "SOUR:LEV 0.25;PROT:VOLT 20")
    call = thread.submit(INSTRUMENT_VERBS[Snapshot](Snapshot("bias0"), thread, ()))
    assert call.wait(10) and call.error is None
    shown = {name: item["value"] for name, item in call.value["parameters"].items()}
    assert shown.pop("identity").startswith("YOKOGAWA,GS210,")
    assert shown == {"function": "CURR", "range": 0.1, "level": 0.25, "protection_v": 20.0, "output_on": True}
    device.safe()
    assert (device.get("level"), device.get("output_on")) == (0.0, False)
    thread.close()
    thread.join(10)


def test_every_wrong_word_fails_against_the_emulator(driver: ModuleType, address: str, lab: Any) -> None:
    made = driver.GS200
    values = {"function": "CURR", "range": 0.1, "level": 1.0, "protection_v": 15.0, "output_on": True}
    for command in made.commands:
        if command.settable:
            wrong = replace(command, header="Q" + command.header)
            table = tuple(wrong if c is command else c for c in made.commands)
            device = replace(made, commands=table).open(entry(address), lab)
            with pytest.raises(RefusedError, match="-113"):
                device.set(command.name, values[command.name])
            device.close()


def test_probe_knows_it(driver: ModuleType, address: str) -> None:
    found = probe(address)
    assert found.model == "yokogawa-gs200"
    assert 'model = "yokogawa-gs200"' in lab_lines(found, "bias0")
    assert "| `level` |  | -32 to 32 (lab.toml must bound it) | `SOUR:LEV {value}` | `SOUR:LEV?` |" in (
        registry.page_of("yokogawa-gs200")
    )


def test_the_hosted_example_is_a_lab() -> None:
    block = next(block for block in re.findall(r"^```toml\n(.*?)^```", PAGE, re.M | re.S) if "qcodes:" in block)
    lab = parse_lab((ROOT / "tests" / "support" / "transmon5.toml").read_text() + "\n" + block)
    assert registry.model_of(lab.instrument("lockin0").model).kind == "hosted"
