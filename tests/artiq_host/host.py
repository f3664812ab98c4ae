"""ARTIQ's own drivers on this computer: experiments run as Python, and every output event of the core device is kept.

Kernels are called as functions; a cursor of our own takes the place of the core's time, and the three system calls that
reach the gateware are ours. What chips and counters would answer when they are initialised is left out.

Source: ARTIQ 9: language/core.py (time manager), coredevice/{core,rtio,spi2,urukul,ad9910,ttl,edge_counter}.py.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import artiq.language.core as language
import pytest
from artiq.coredevice import ad9910, core, edge_counter, spi2, ttl, urukul
from artiq.language.environment import EnvExperiment
from artiq.master.worker_db import DeviceManager

N_CARDS, CHIPS, FIRST_NS = 5, 4, 10**9
PHOTONS = 7


class Cursor:
    """The core's time, which may be set back."""

    now = 0

    def enter_sequential(self) -> None: ...

    def exit(self) -> None: ...

    def take_time_mu(self, duration: int) -> None:
        self.now += int(duration)

    def take_time(self, duration_s: float) -> None:
        self.now += round(duration_s * 1e9)

    def get_time_mu(self) -> int:
        return self.now

    def set_time_mu(self, time: int) -> None:
        self.now = int(time)


def devices() -> dict[str, Any]:
    """Return a device database: five Urukul cards, eight lines, four counters."""
    found: dict[str, Any] = {}

    def add(name: str, module: str, kind: str, is_channel: bool = True, **arguments: Any) -> None:
        if is_channel:
            arguments["channel"] = len(found)
        found[name] = {
            "type": "local", "module": f"artiq.coredevice.{module}", "class": kind, "arguments": arguments,
        }  # fmt: skip

    add("core", "core", "Core", False, host=None, ref_period=1e-9, analyzer_proxy=None, target="rv32g")
    for k in range(1, 9):
        add(f"ttl{k}", "ttl", "TTLOut")
    for k in range(1, 5):
        add(f"counter{k}", "edge_counter", "EdgeCounter")
    for card in range(N_CARDS):
        add(f"spi{card}", "spi2", "SPIMaster")
        add(f"update{card}", "ttl", "TTLOut")
        add(
            f"cpld{card}", "urukul", "CPLD", False, spi_device=f"spi{card}", io_update_device=f"update{card}",
            refclk=125e6, clk_sel=2, proto_rev=8,
        )  # fmt: skip
        for chip in range(CHIPS):
            add(f"switch{CHIPS * card + chip}", "ttl", "TTLOut")
            add(
                f"dds{CHIPS * card + chip}", "ad9910", "AD9910", False, pll_n=32, chip_select=4 + chip,
                cpld_device=f"cpld{card}", sw_device=f"switch{CHIPS * card + chip}",
            )  # fmt: skip
    return found


class _Devices:
    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found

    def get(self, name: str, resolve_alias: bool = False) -> Any:
        return self.found[name]

    def get_device_db(self) -> dict[str, Any]:
        return self.found

    def get_satellite_cpu_target(self, *_: Any) -> dict[int, str]:
        return {}


class _Datasets:
    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def set(self, key: str, value: Any, *_: Any, **__: Any) -> None:
        self.kept[key] = value

    def append_to(self, key: str, value: Any) -> None:
        self.kept[key].append(value)


def built(text: str, folder: Path) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Return an experiment, built and prepared, its device database, and its data."""
    path = folder / "experiment.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("experiment", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found, data = devices(), _Datasets()
    experiment = module.Sequences((DeviceManager(_Devices(found)), data, None, {}))
    assert isinstance(experiment, EnvExperiment)
    experiment.prepare()
    return experiment, found, data.kept


def run(text: str, folder: Path, patch: pytest.MonkeyPatch) -> tuple[list[tuple[int, str, int, int]], dict[str, Any]]:
    """Run an experiment; return its events (time, device, address, data) in order of submission, and its data."""
    cursor, events = Cursor(), []
    names: dict[int, str] = {}

    def output(target: int, data: int) -> None:
        events.append((cursor.now, names[int(target) >> 8], int(target) & 0xFF, int(data) & 0xFFFFFFFF))

    def waits(ns: int) -> Callable[..., None]:
        return lambda *_, **__: language.delay_mu(ns)

    language.set_time_manager(cursor)
    for module in (ttl, spi2, edge_counter):
        patch.setattr(module, "rtio_output", output)
    patch.setattr(edge_counter, "rtio_input_data", lambda channel: PHOTONS)
    patch.setattr(core, "rtio_init", lambda: None)
    patch.setattr(core, "rtio_get_counter", lambda: FIRST_NS)
    patch.setattr(core.Core, "run", lambda self, kernel, given, named: kernel.artiq_embedded.function(*given, **named))
    patch.setattr(urukul.CPLD, "init", waits(1_100_000))
    patch.setattr(ad9910.AD9910, "init", waits(3_000_000))
    experiment, found, data = built(text, folder)
    names.update({one["arguments"]["channel"]: name for name, one in found.items() if "channel" in one["arguments"]})
    experiment.run()
    return events, data
