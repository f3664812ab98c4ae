"""What drivers have in common whose parameters are declared commands, and those of generators whose levels are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qctl.device import Parameter
from qctl.instruments.commands import Command
from qctl.instruments.links.link import Link
from qctl.instruments.output_span import planned_levels
from qctl.instruments.settings import Settings
from qctl.lab import Instrument
from qctl.units import Limits

__all__ = ["Answering", "GeneratorByCommands", "SetByCommands"]


class Answering:
    """A device whose `settings` say what it knows, and ask for it."""

    __slots__ = ()
    settings: Settings

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` and `set` know."""
        return self.settings.parameters()

    def get(self, name: str) -> Any:
        """Ask the device for one value."""
        return self.settings.get(name)

    def get_all(self) -> Mapping[str, Any]:
        """Ask the device for all values, in one message where it takes one."""
        return self.settings.get_all()


@dataclass(slots=True)
class SetByCommands(Answering):
    """A device whose parameters are declared commands.

    Attributes
    ----------
    link : Link
        To the instrument.
    instrument : Instrument
        Its entry in lab.toml; connectors that it doesn't name can't be used.
    settings : Settings
        Its parameters.
    """

    link: Link
    instrument: Instrument
    settings: Settings = field(init=False)

    def identify(self) -> str:
        """Return the identity string."""
        return self.link.query("*IDN?")


@dataclass(slots=True)
class GeneratorByCommands(SetByCommands):
    """A generator whose outputs have an amplitude and an offset."""

    def _settings(self, commands: tuple[Command, ...], limits: Mapping[str, Limits]) -> Settings:
        """Return the parameters of the outputs of lab.toml, whose offsets stay within its limits."""
        outputs = tuple(sorted(self.instrument.output))
        offsets = {f"output{n}_offset_v": Limits(*self.instrument.output[n].limits_v) for n in outputs}
        return Settings(self.link, commands, outputs, offsets | dict(limits))

    def plan(self, values: Mapping[str, Any], pending: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings in an order to make them in, see `planned_levels`; nothing is sent but queries."""
        return planned_levels(self.settings, self.instrument, values, pending)
