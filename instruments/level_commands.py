"""Declarations that all generators have in common but for their headers and limits: sample rate, amplitude, offset."""

from __future__ import annotations

from qctl.instruments.commands import Command
from qctl.units import Limits

__all__ = ["level_commands", "rate_command"]


def rate_command(header: str, limits: Limits, resolution: float = 1.0, each: bool = False) -> Command:
    """Return the declaration of a sample rate, of the box or of each output."""
    name, label = ("output{n}_clock_hz", "Sample rate of output") if each else ("clock_hz", "Sample rate")
    return Command(header, name, label, "Hz", limits=limits, resolution=resolution)


def level_commands(
    amplitude: str,
    offset: str,
    limits: tuple[Limits, Limits],
    resolution: float = 1e-3,
    send: str = "",
    ask: str = "",
) -> tuple[Command, Command]:
    """Return the declarations of an output's amplitude and offset, by the names that `planned_levels` knows.

    Parameters
    ----------
    amplitude, offset : str
        Headers.
    limits : pair of Limits
        Of both.
    resolution : float
        In volts.
    send, ask : str
        What is sent where that is more than the header: ``HEADER`` in them is replaced by it.
    """
    names = (("output{n}_amplitude_vpp", "Amplitude of output"), ("output{n}_offset_v", "Offset of output"))
    first, second = (
        Command(
            header,
            name,
            label,
            "V",
            limits=bounds,
            resolution=resolution,
            send=send.replace("HEADER", header),
            ask=ask.replace("HEADER", header),
        )
        for header, (name, label), bounds in zip((amplitude, offset), names, limits, strict=True)
    )
    return first, second
