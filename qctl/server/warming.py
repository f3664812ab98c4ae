"""A server's nursery, and what it imports ahead of the first start: all that keeper, hosts and pool need for a lab."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path

from qctl.server.nursery import Nursery

__all__ = ["begin_nursery", "import_all"]

_MODULES = ("qctl.server.keeper", "qctl.server.host", "qctl.circuit")


def begin_nursery(path: Path) -> Nursery:
    """Return the nursery for the lab of a file; it imports while this process does."""
    nursery = Nursery(((f"{__name__}:import_all", path),))
    nursery.begin()
    return nursery


def import_all(path: Path) -> None:
    """Import what is needed for the lab of a file.

    Raises
    ------
    QctlError
        If the file is no lab's, which the server tells by itself.
    """
    from qctl.errors import RequestError
    from qctl.instruments.registry import import_driver
    from qctl.lab import parse_lab, whole_lab
    from qctl.server.prepare import make_ready

    for module in _MODULES:
        import_module(module)
    text = whole_lab(path)
    make_ready(text)
    for instrument in parse_lab(text).instruments.values():
        with suppress(RequestError, ImportError):  # its host says so for the instrument
            import_driver(instrument.model)
