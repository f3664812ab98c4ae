"""What loading a device program would send: the driver itself, on a link that has no instrument behind it."""

from __future__ import annotations

from importlib import import_module

from qctl.errors import RequestError
from qctl.instruments.filling import messages
from qctl.instruments.links.rehearsal import RehearsalLink
from qctl.instruments.messages import Message
from qctl.lab import Instrument
from qctl.program.device_program import DeviceProgram

__all__ = ["blocks_of", "commands_of"]

_DRIVERS = {
    "tektronix-awg5014c": ("tektronix_awg5014.driver", "TektronixAwg5014"),
    "keysight-infiniium-s": ("keysight_infiniium.driver", "KeysightInfiniium"),
}
"""Models that are driven and speak text: module below `qctl.instruments`, and class."""
_FAMILIES = {
    "keysight-33500b": "keysight_generators.trueform",
    "keysight-33600a": "keysight_generators.trueform",
    "keysight-m8190a": "keysight_generators.m8190a",
    "keysight-m8190a-12bit": "keysight_generators.m8190a",
    "tektronix-awg5200": "tektronix_files.loading",
    "tektronix-awg70000a": "tektronix_files.loading",
    "tabor-p2584m": "tabor.loading",
}
"""Models that are set by messages and blocks: module below `qctl.instruments` with the family's words."""


def commands_of(program: DeviceProgram, instrument: Instrument) -> list[str]:
    """Return the commands that load a program into an instrument that holds nothing yet, queries left out.

    Raises
    ------
    RequestError
        If the model speaks no text.
    """
    if program.model in _FAMILIES:
        return [message.shown() for message in _messages(program)]
    if program.model not in _DRIVERS:
        raise RequestError(f"{program.instrument} ({program.model}) takes no text commands")
    module, name = _DRIVERS[program.model]
    link = RehearsalLink(program.instrument)
    driver = getattr(import_module(f"qctl.instruments.{module}"), name)(link, instrument)
    driver.load(program)
    if hasattr(driver, "start"):
        driver.start()
    return link.sent


def blocks_of(program: DeviceProgram) -> dict[str, bytes]:
    """Return the binary blocks that load a program, by file name; of models that are not set by such blocks none."""
    return {one.file: one.block for one in _messages(program) if one.block is not None}


def _messages(program: DeviceProgram) -> list[Message]:
    if program.model not in _FAMILIES or not program.body:
        return []
    return messages(import_module(f"qctl.instruments.{_FAMILIES[program.model]}").FAMILY, program)
