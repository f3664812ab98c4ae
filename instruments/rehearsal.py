"""What loading a device program would send: the driver itself, on a link that has no instrument behind it."""

from __future__ import annotations

from importlib import import_module

from qctl.errors import RequestError
from qctl.instruments.links.rehearsal import RehearsalLink
from qctl.lab import Instrument
from qctl.program.device_program import DeviceProgram

__all__ = ["commands_of"]

_DRIVERS = {
    "tektronix-awg5014c": ("tektronix_awg5014.driver", "TektronixAwg5014"),
    "keysight-infiniium-s": ("keysight_infiniium.driver", "KeysightInfiniium"),
}
"""Models that speak text: module below `qctl.instruments`, and class."""


def commands_of(program: DeviceProgram, instrument: Instrument) -> list[str]:
    """Return the commands that load a program into an instrument that holds nothing yet, queries left out.

    Raises
    ------
    RequestError
        If the model speaks no text.
    """
    if program.model not in _DRIVERS:
        raise RequestError(f"{program.instrument} ({program.model}) takes no text commands")
    module, name = _DRIVERS[program.model]
    link = RehearsalLink(program.instrument)
    driver = getattr(import_module(f"qctl.instruments.{module}"), name)(link, instrument)
    driver.load(program)
    if hasattr(driver, "start"):
        driver.start()
    return link.sent
