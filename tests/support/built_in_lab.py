"""Built-in virtual labs as their lab.toml describes them, at addresses where nothing listens."""

from __future__ import annotations

from qctl.hil.labs.description import boxes_of, describe_lab
from qctl.hil.labs.draw import draw_lab
from qctl.lab import Lab, parse_lab

__all__ = ["lab_of"]

_ADDRESSES = {
    "fridge": "http://127.0.0.1:49099",
    "zds0": "zhinst-emulated://127.0.0.1:8004",
    "trig0": "ASRL/dev/pts/5::INSTR",
    "spi0": "ASRL/dev/pts/6::INSTR",
}
"""Of boxes that speak something else than SCPI on a socket."""


def lab_of(name: str, seed: int = 1) -> Lab:
    """Return a lab of transmons."""
    file = draw_lab(name, seed)
    addresses = {box: f"TCPIP::127.0.0.1::{40000 + 100 * k}::SOCKET" for k, box in enumerate(boxes_of(file))}
    return parse_lab(describe_lab(name, file, addresses | _ADDRESSES), "lab.toml")
