"""A setting of a connector: what it may be, the words that set it, and what the module says of it.

Source: qblox-instruments 1.4.1, SCPI layer 1.2 (``cluster_mm_1_2``): settings with a number in their command, and those
of a QRC, ``AFE:OUT:ATT:SET? channel,dB``, ``:GET?``, ``AFE:OUT:MAX:ATT:GET?``, ``AFE:OUT:FREQ:SET? channel,MHz``,
``:GET?`` and the same with ``AFE:IN``, which are queries. The answer to ``SET?`` is a block of JSON whose words no
source tells, so what was set is read back. The client sends them by the cluster (``SLOT#:``); that the module's
own port takes them, too, is so with its dummy, and unverified.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from qctl.errors import DeviceError, LimitError, RefusedError
from qctl.instruments.links.link import Link
from qctl.units import Limits

__all__ = ["Attenuator", "Centre", "Setting"]


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a connector.

    Attributes
    ----------
    label, unit : str
        As in `qctl.device.Parameter`.
    kind : type
        float, int or bool.
    command : str
        Without its question mark.
    limits : Limits
        In `unit`.
    step : float
        What a value is a multiple of; 0 takes any.
    scale : float
        What the command counts of a unit.
    moves : tuple of str
        Parameters that may be another value after it was set.
    """

    label: str
    unit: str
    kind: type
    command: str
    limits: Limits
    step: float = 0.0
    scale: float = 1.0
    moves: tuple[str, ...] = ()

    def checked(self, value: object, name: str) -> float:
        """Return a value that may be sent.

        Raises
        ------
        LimitError
            If it isn't a number, outside the limits, or no multiple of the step.
        """
        if self.kind is bool and value not in (0, 1):
            raise LimitError(f"{name} = {value!r} is neither true nor false")
        number = self.limits.check(value, name)  # type: ignore[arg-type]  # refuses what is no number
        if self.step and abs(number / self.step - round(number / self.step)) > 1e-9:
            whole = "a whole number" if self.step == 1 else f"a multiple of {self.step:g} {self.unit}"
            raise LimitError(f"{name} = {value!r} is not {whole}")
        return number

    def put(self, link: Link, value: float) -> None:
        """Send a value that was checked."""
        link.write(f"{self.command} {value * self.scale:.{12 if self.step == 1 else 9}g}")

    def ask(self, link: Link) -> float | int | bool:
        """Return the value that the module has."""
        return self.read(link.query(f"{self.command}?"), f"{link.name}: {self.label}")

    def read(self, reply: str, name: str) -> float | int | bool:
        """Return the value that a reply to the query says.

        Raises
        ------
        DeviceError
            If it is none.
        """
        try:
            number = float(reply) / self.scale
            return number if self.kind is float else bool(number) if self.kind is bool else int(number)
        except (ValueError, OverflowError):
            raise DeviceError(f"{name}: {reply!r} came where a number was due") from None


@dataclass(frozen=True, slots=True)
class Attenuator(Setting):
    """An attenuator of a QRC.

    Its command is ``AFE:OUT`` or ``AFE:IN``; `channel` is its connector, from 0. The most that it takes is the module's
    own to say: 31.5 dB or less, as its centre frequency has it.
    """

    channel: int = 0

    def put(self, link: Link, value: float) -> None:
        """Send a value that the module can take at its present centre frequency."""
        most = self.most(link)
        if value > most:
            raise LimitError(f"{link.name}: {self.label} = {value:g} dB is over {most:g} dB, the most around its LO")
        self.set(link, value)

    def most(self, link: Link) -> float:
        """Return the most that it takes at the present centre frequency, in dB."""
        reply = link.query(f"{self.command}:MAX:ATT:GET? {self.channel}")
        return float(self.read(reply, f"{link.name}: the most of {self.label}"))

    def set(self, link: Link, value: float) -> None:
        """Send a value and read it back."""
        _told(link, f"{self.command}:ATT:SET? {self.channel},{float(value)!r}")
        _agree(link, self, value)

    def ask(self, link: Link) -> float:
        """Return its present value in dB."""
        return float(self.read(link.query(f"{self.command}:ATT:GET? {self.channel}"), f"{link.name}: {self.label}"))


@dataclass(frozen=True, slots=True)
class Centre(Setting):
    """The centre frequency of an output of a QRC, and of the input that shares its mixer; its command is not used."""

    channel: int = 0
    receives: bool = False

    @property
    def sides(self) -> tuple[str, ...]:
        """Return the paths of the commands."""
        return ("AFE:OUT", "AFE:IN") if self.receives else ("AFE:OUT",)

    def put(self, link: Link, value: float) -> None:
        """Send a frequency to output and input, and read it back."""
        for side in self.sides:
            _told(link, f"{side}:FREQ:SET? {self.channel},{round(value / 1e6)}")
        _agree(link, self, value)

    def ask(self, link: Link) -> float:
        """Return the present frequency in Hz.

        Raises
        ------
        DeviceError
            If output and input have not the same.
        """
        found = [_told(link, f"{side}:FREQ:GET? {self.channel}") for side in self.sides]
        try:
            hertz = {float(one["frequency"]) * 1e6 for one in found}
        except (TypeError, KeyError, ValueError):
            raise DeviceError(f"{link.name}: {found!r} came where a frequency of {self.label} was due") from None
        if len(hertz) > 1:
            words = " and ".join(f"{one:g} Hz" for one in sorted(hertz))
            raise DeviceError(f"{link.name}: {self.label} is {words} for output and input, which share a mixer: set it")
        return hertz.pop()


def _told(link: Link, query: str) -> Any:
    """Return the content of the block that answers a query."""
    (block,) = link.query_chain(query, 1)
    try:
        return json.loads(bytes(block))
    except ValueError:
        raise DeviceError(f"{link.name} answered {bytes(block)[:64]!r} to {query!r}, which is no JSON") from None


def _agree(link: Link, setting: Setting, value: float) -> None:
    got = setting.ask(link)
    if abs(got - value) > 1e-6:
        raise RefusedError(f"{link.name}: {setting.label} was set to {value:g} {setting.unit} but reads {got:g}")
