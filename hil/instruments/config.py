"""What an emulated instrument is started with."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EmulatorConfig"]


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """The command line of one emulator.

    Attributes
    ----------
    model : str
        As in lab.toml, such as ``tektronix-awg5014c``.
    name : str
        The instrument's name in the lab; the plant knows its cables by it.
    serial : str
        Serial number in the identity.
    bind : str
        ``host:port`` to listen on; port 0 takes a free one.
    control : str
        Path of a unix socket that takes faults and tells counters; empty for none.
    baud : int
        Speed of a serial line, where the box is on one; at another speed it hears and says nothing sensible.
    modules : str
        What sits in the slots of a chassis, as ``slot=name:model,…``.
    """

    model: str
    name: str
    serial: str = "B010001"
    bind: str = "127.0.0.1:0"
    control: str = ""
    baud: int = 9600
    modules: str = ""

    @property
    def ports(self) -> str:
        """What the names of serial ports that it comes back at begin with; empty without a control socket."""
        return f"{self.control.removesuffix('.control')}.port" if self.control else ""

    @property
    def host(self) -> str:
        """The address part of `bind`."""
        return self.bind.rpartition(":")[0] or "127.0.0.1"

    @property
    def port(self) -> int:
        """The port part of `bind`."""
        return int(self.bind.rpartition(":")[2] or 0)
