"""Declared microwave sources: frequency, power and output come from lab.toml, and both limits must be there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qctl.errors import RequestError
from qctl.instruments.confirm import parsed_int
from qctl.instruments.declared import DeclaredInstrument

__all__ = ["LockedSource", "MicrowaveSource"]

_UNLOCKED = 1 << 5


@dataclass(frozen=True, slots=True)
class MicrowaveSource(DeclaredInstrument):
    """A source whose table has ``frequency_hz``, ``power_dbm`` and ``output_on``."""

    LAB_LINES = (
        "limits = { frequency_hz = [low, high], power_dbm = [low, high] }",
        "frequency_hz = first",
        "power_dbm = first",
        "safe = { output = false }",
    )

    def __post_init__(self) -> None:
        for name in ("power_dbm", "frequency_hz"):
            if getattr(self.instrument.limits, name, None) is None:
                raise RequestError(f"instruments.{self.instrument.name}.limits.{name} is missing in lab.toml")
        DeclaredInstrument.__post_init__(self)

    def prepare(self) -> None:
        """Bring the source to what lab.toml says: frequency, power, and the output on if it has both."""
        self.link.write("*CLS")
        self._set_reference()
        for name in ("frequency_hz", "power_dbm"):
            value = getattr(self.instrument, name)
            if value is not None:
                self.set(name, value)
        if self.instrument.frequency_hz is not None and self.instrument.power_dbm is not None:
            self.set("output_on", True)

    def _set_reference(self) -> None:
        """Do nothing: this kind takes the reference that is there."""

    def _declared_safe(self) -> Iterator[tuple[str, Any]]:
        """Yield output and power of lab.toml's safe state; without one, the output is off."""
        safe = self.instrument.safe
        on = safe is not None and bool(safe.output)
        if not on:
            yield "output_on", False
        if safe is not None and safe.power_dbm is not None:
            yield "power_dbm", safe.power_dbm
        if on:
            yield "output_on", True


@dataclass(frozen=True, slots=True)
class LockedSource(MicrowaveSource):
    """A source that is told its reference (``reference_source``), and says whether it is locked to it.

    Source: SCPI-99 volume 2, 20.4: bit 5 (FREQuency) of the questionable condition.
    """

    def _set_reference(self) -> None:
        if self.instrument.reference is not None:
            self.set("reference_source", self._reference())

    def _reference(self) -> str:
        return "EXT" if self.instrument.reference == "external" else "INT"

    def locked(self) -> bool:
        """Return True when the device is locked to the reference that lab.toml names."""
        if self.settings.get("reference_source") != self._reference():
            return False
        condition = parsed_int(self.link, self.link.query("STAT:QUES:COND?"), "the questionable condition")
        return not condition & _UNLOCKED
