"""Emulated SPI rack: the controller on its serial line, locked after power-on, and the modules behind it.

Real controllers take each packet of USB for a message. A pty joins packets, so how long the bytes for a chip are is
known here from the chip: four for a DAC, three for the converter of the battery, two for the thermometer. What is not
whole when the line falls silent is dropped. Bulk transfers (``m``), which no DAC here needs, are passed over.

Source: `spirack` 0.2.21, ``spi_rack.py``: ``c``, ``w``, ``r``, ``u``, ``l``, ``t`` and ``v``, the chips of the
controller, firmware text, and that writes are blocked after power-on while DACs keep their state and can be read.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from qctl.errors import QctlError, RequestError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Parts, Plant
from qctl.hil.instruments.spi_modules import KINDS, Module

__all__ = ["SpiRack"]

_PACKET_S = 0.05
_SIZES = {(0, 0): 3, (0, 1): 2, (0, 3): 1, (0, 4): 1}
"""Bytes for each chip of the controller."""
_WORD = 4
_BATTERY = {1: (6.02, 2.171), 0: (6.05, 2.148)}
"""Channel of the converter: volts of the battery, and the divider in front of it."""
_CELSIUS = 31.25


class SpiRack:
    """One rack; its configuration lists its modules as ``number=name:model,…``."""

    kind = "box"
    n_outputs = 0
    n_inputs = 0
    own_faults: frozenset[str] = frozenset()

    send: Callable[[bytes], None]

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        self.config, self.plant = config, plant
        self.counters: dict[str, int] = {"writes": 0, "reads": 0, "locked_writes": 0, "strange_bytes": 0}
        self.modules: dict[int, Module] = {}
        for entry in filter(None, config.modules.split(",")):
            number, _, rest = entry.partition("=")
            name, _, model = rest.partition(":")
            if model not in KINDS or not number.isdigit() or not 1 <= int(number) <= 15 or int(number) in self.modules:
                raise RequestError(f"{config.name}: {entry!r} is no module of an SPI rack at a number of its own")
            self.modules[int(number)] = Module(name, *KINDS[model], self._changed)
        self._got = bytearray()
        self._heard_s = 0.0
        self._chosen = (0, 0)
        self.locked = True
        self._levels: dict[tuple[str, int], float] = {}
        self._answers: list[bytes] = []
        self._telling: asyncio.Task[None] | None = None

    @property
    def parts(self) -> Parts:
        """Return what the plant has to know of the modules."""
        return {module.name: ("dc", module.n_outputs, 0) for module in self.modules.values()}

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Take the present faults: the box itself shows none."""

    async def power_cycle(self) -> None:
        """Do what switching the rack off and on does: all outputs at 0, writes locked."""
        self._got.clear()
        self._answers.clear()
        self.locked, self._chosen = True, (0, 0)
        for module in self.modules.values():
            for chip in module.chips:
                chip.reset()
            self._levels |= {(module.name, n): module.line_v(n) for n in range(1, module.n_outputs + 1)}
        await self._tell()

    def receive(self, data: bytes) -> None:
        """Take bytes from the wire; answers go out when the plant knows of what was written before them."""
        now_s = time.monotonic()
        if now_s > self._heard_s + _PACKET_S:
            self._got.clear()
        self._heard_s = now_s
        self._got += data
        while size := self._size():
            message = bytes(self._got[:size])
            del self._got[:size]
            answer = self._carried_out(message)
            if answer:
                self._answers.append(answer)
        if (self._levels or self._answers) and self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._work())

    def _size(self) -> int:
        """Return how many bytes the first message has; 0 while it is not whole."""
        if not self._got:
            return 0
        word = chr(self._got[0])
        size = {"c": 4, "w": 1 + self._n_data(), "r": 1 + self._n_data()}.get(word, 1)
        return size if len(self._got) >= size else 0

    def _n_data(self) -> int:
        return _SIZES.get(self._chosen, _WORD)

    def _carried_out(self, message: bytes) -> bytes:
        word, data = chr(message[0]), message[1:]
        if word == "c":
            self._chosen = (data[0] & 0xF, data[0] >> 4)
        elif word == "w":
            self._write(data)
        elif word == "r":
            self.counters["reads"] += 1
            return self._read(data)
        elif word in "ul":
            self.locked = word == "l"
        elif word == "v":
            return f"1.6 - Oct 12 2018 - emulated {self.config.serial}\n".encode()
        elif word != "t":
            self.counters["strange_bytes"] += 1
        return b""

    def _chip(self) -> Any:
        number, chip = self._chosen
        module = self.modules.get(number)
        return module.chips[chip] if module is not None and chip < len(module.chips) else None

    def _write(self, data: bytes) -> None:
        self.counters["locked_writes" if self.locked else "writes"] += 1
        chip = self._chip()
        if chip is not None and not self.locked:
            chip.shift(data)

    def _read(self, data: bytes) -> bytes:
        if self._chosen == (0, 0):
            channel = data[1] >> 6 & 1
            volts, divider = _BATTERY[channel]
            counts = min(4095, round(volts / divider / 3.3 * 4096))
            return bytes((0, counts >> 8, counts & 0xFF))
        if self._chosen == (0, 1):
            return round(_CELSIUS * 32).to_bytes(2, "big")
        chip = self._chip()
        if chip is None:  # nothing drives the line
            return b"\xff" * len(data)
        asks = data[0] >> 4 in (10, 11, 12, 13, 15)
        return bytes(chip.shift(data)) if asks or not self.locked else bytes(len(data))

    def _changed(self, module: Module, output: int) -> None:
        self._levels[module.name, output] = module.line_v(output)

    async def _work(self) -> None:
        try:
            while self._levels or self._answers:
                answers, self._answers = self._answers, []
                await self._tell()
                for answer in answers:
                    self.send(answer)
        finally:
            self._telling = None

    async def _tell(self) -> None:
        levels, self._levels = self._levels, {}
        with contextlib.suppress(QctlError):  # a plant that is gone ends the process by itself
            for (name, output), volts in levels.items():
                await self.plant.level(output, volts, part=name)
