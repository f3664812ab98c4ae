"""Kinds of modules of an SPI rack: where their outputs sit, their spans and parameters, and how lab.toml has them led.

Source: the package `spirack` 0.2.21 (`D5a_module`, `S4g_module`, `SPI_rack`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from qctl.errors import RequestError
from qctl.instruments.commands import Command
from qctl.instruments.links.link import SerialLine
from qctl.instruments.spi_rack.ltc2758 import Span
from qctl.instruments.spi_rack.port import RackPort
from qctl.lab import Instrument
from qctl.units import Limits

__all__ = ["Kind", "Lead", "commands_of", "number_of"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of module is.

    Attributes
    ----------
    title : str
        Its name.
    setting, present, slew : str
        Ends of the names of its parameters.
    unit : str
        Of its outputs.
    places : tuple of pair of int
        Chip and number of the DAC in it, of each output.
    spans : mapping of str to Span
        What its outputs can be switched to, by their words in lab.toml.
    leads : callable
        From an entry of lab.toml to how it has each output led.
    """

    title: str
    setting: str
    present: str
    slew: str
    unit: str
    places: tuple[tuple[int, int], ...]
    spans: Mapping[str, Span]
    leads: Callable[[Instrument], dict[int, Lead]]

    def open_port(self, instrument: Instrument, address: str, timeout_s: float) -> RackPort:
        """Open a module's share of its rack's line."""
        return RackPort(address, timeout_s, number_of(instrument), self.places, SerialLine(instrument.baud or 9600))


@dataclass(frozen=True, slots=True)
class Lead:
    """How one output may be led, as lab.toml says it.

    Attributes
    ----------
    full : float
        Full scale of its spans.
    low, high : float
        Limits.
    slew_per_s : float
        Fastest change.
    safe : float
        Value of the safe state.
    """

    full: float
    low: float
    high: float
    slew_per_s: float
    safe: float

    def fits(self, span: Span, present: float | None = None) -> bool:
        """Say whether a span holds the limits, and the present value."""
        low, high = span.bounds(self.full)
        top = high + 1.000001 * span.step(self.full)
        values = (self.low, self.high, *(() if present is None else (present,)))
        return all(low <= value <= top for value in values)


def number_of(instrument: Instrument) -> int:
    """Return the number that is set on a module.

    Raises
    ------
    RequestError
        If lab.toml does not say it.
    """
    if instrument.module is None:
        raise RequestError(
            f"instruments.{instrument.name}.module: is missing; it is the number that is set on the module",
            instrument=instrument.name,
        )
    return instrument.module


def commands_of(kind: Kind, limits: Limits, slews: Limits) -> tuple[Command, ...]:
    """Return the table of a kind of module: its outputs, and the controller that it is behind."""
    words, unit = tuple(kind.spans), kind.unit
    word = {"V": "VOLTage", "A": "CURRent"}[unit]
    return (
        Command("", "identity", "Identity", kind=str, settable=False, ask="VERSION"),
        Command(f"OUTPut{{n}}:{word}", f"output{{n}}_{kind.setting}", "Output", unit, askable=False, limits=limits),
        Command("", f"output{{n}}_{kind.present}", "Present value of output", unit, settable=False, ask="DAC {n}"),
        Command(
            "OUTPut{n}:SLEW", f"output{{n}}_{kind.slew}", "Slew of output", f"{unit}/s", askable=False, limits=slews
        ),
        Command("OUTPut{n}:SPAN", "output{n}_span", "Span of output", kind=str, words=words, ask="DAC {n}"),
        Command("", "controller_c", "Temperature of controller", "°C", int, settable=False, ask="TEMPERATURE"),
        Command("", "battery_plus_v", "Positive battery", "V", int, settable=False, ask="BATTERY 1"),
        Command("", "battery_minus_v", "Negative battery", "V", int, settable=False, ask="BATTERY 0"),
    )
