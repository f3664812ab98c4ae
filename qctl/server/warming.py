"""What the nursery imports ahead of the first start: all that keeper, hosts and pool need for a lab."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path

from qctl.errors import RequestError
from qctl.instruments.registry import import_driver
from qctl.lab import parse_lab, whole_lab
from qctl.server.prepare import make_ready

__all__ = ["WARM", "import_all"]

WARM = f"{__name__}:import_all"
_MODULES = ("qctl.server.keeper", "qctl.server.host", "qctl.circuit")


def import_all(path: Path) -> None:
    """Import what is needed for the lab of a file.

    Raises
    ------
    QctlError
        If the file is no lab's, which the server tells by itself.
    """
    for module in _MODULES:
        import_module(module)
    text = whole_lab(path)
    make_ready(text)
    for instrument in parse_lab(text).instruments.values():
        with suppress(RequestError):  # its host says so for the instrument
            import_driver(instrument.model)
