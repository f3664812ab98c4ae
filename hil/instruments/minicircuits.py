"""Emulated Mini-Circuits boxes on Telnet: a step attenuator RCDAT and a box of eight SPDT switches.

Settings are ``NAME=value`` and are answered ``1``, or ``0`` when they are not carried out. A new connection is greeted
with an empty line.

Source: QCoDeS ``Minicircuits/_minicircuits_rc_spdt.py`` (SETA=0, SWPORT? with one bit a switch, MN?, SN?, FIRMWARE?, an
answer to each setting, and something to be read when it has connected) and ``_minicircuits_rudat_13g_90.py`` (SETATT=,
ATT?); github acidbourbon/lab_bench ``mini_circuits_rcdat.py`` (answer to an unknown word: ``-99 Unrecognized Command.
MN:...``); Mini-Circuits programmable attenuator programming manual (steps of 0.25 dB, answers 0 and 1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.box import Box

__all__ = ["Attenuator", "Switches"]


class _MiniCircuits(Box):
    """Identity in three queries, no common commands."""

    model = ""
    reply_end = "\r\n"
    greeting = b"\r\n"
    answers_settings = True

    def _common(self) -> None:
        self.table.add("MN?", lambda s, a: f"MN={self.model}")
        self.table.add("SN?", lambda s, a: f"SN={self.config.serial}")
        self.table.add("FIRMWARE?", lambda s, a: str(self.faults.get("firmware", "B3")))

    def _system(self) -> None:
        """Add nothing: there is no error queue."""

    def reworded(self, unit: str) -> str:
        """Return a setting with a space where Mini-Circuits writes an equals sign."""
        return unit.replace("=", " ", 1)

    def refused(self, number: int, text: str) -> str:
        """Answer what no table knows."""
        return "0" if number in (-222, -224) else f"-99 Unrecognized Command. MN:{self.model}"


class Attenuator(_MiniCircuits):
    """One channel of 0 to 90 dB in steps of 0.25 dB; full attenuation at power-up."""

    model = "RCDAT-6000-90"

    def commands(self) -> None:
        """Add the commands of the manual."""
        self._defaults["attenuation_db"] = 90.0
        self.table.add("SETATT", lambda s, a: self._set(a[0]), 1)
        self.table.add("ATT?", lambda s, a: f"{self.value('attenuation_db'):.2f}")

    def _set(self, argument: Any) -> str:
        self.put("attenuation_db", round(arg.number(argument, 0.0, 90.0) * 4) / 4)
        return "1"


class Switches(_MiniCircuits):
    """Eight switches A to H, each at port 1 (0) or 2 (1)."""

    model = "RC-8SPDT-A18"

    def commands(self) -> None:
        """Add the commands of the manual."""
        self._defaults["positions"] = 0
        for place, letter in enumerate("ABCDEFGH"):
            self.table.add(f"SET{letter}", self._setter(place), 1)
        self.table.add("SWPORT?", lambda s, a: str(self.value("positions")))

    def _setter(self, place: int) -> Callable[[tuple[int, ...], list[Any]], str]:
        def put(suffixes: tuple[int, ...], args: list[Any]) -> str:
            on = arg.integer(args[0], 0, 1)
            self.put("positions", self.value("positions") & ~(1 << place) | on << place)
            return "1"

        return put
