"""The capability table of an instrument that is declared by its commands: the ranges of its settings."""

from __future__ import annotations

import math
import re
from types import ModuleType
from typing import TYPE_CHECKING

from qctl.instruments.capability import Capability, Range, Standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qctl.instruments.commands import Command

__all__ = ["declared_table"]


def declared_table(model: str, module: ModuleType, commands: Sequence[Command]) -> Capability:
    """Return the table that a driver's commands make; its source is the one that the driver's file names.

    Parameters
    ----------
    model : str
        Registry key.
    module : module
        The driver's.
    commands : sequence of Command
        What it declares.
    """
    text = " ".join((module.__doc__ or "").split())
    source = re.search(r"Sources?: (.*)", text)
    title = re.match(r"(?:Drive|Read) an? (.+?)(?: over | by |[:;.])", text)
    given = source.group(1) if source else ""
    settings = {
        command.name: Range(_end(command.limits.low), _end(command.limits.high), command.unit, source=given)
        for command in commands
        if command.settable and command.limits is not None
    }
    return Capability(
        model=model,
        title=title.group(1) if title else model,
        sources=(given,),
        settings=settings,
        standing=Standing(1),
    )


def _end(value: float) -> float | None:
    return value if math.isfinite(value) else None
