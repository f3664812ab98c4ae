"""What lab.toml says of emulated QICK boards, whose generators synthesise all lines directly."""

from __future__ import annotations

import json

from qctl.hil.instruments.qick.playing import FULL_SCALE_VPP
from qctl.hil.instruments.qick.soccfg import DRIVE_HZ, board_config
from qctl.hil.plant.cables import Cables, connector

__all__ = ["BOARDS", "LO_HZ", "PULSE_S", "board_lines", "board_ports", "joined_lines"]

BOARDS = {"boa": "qick-tproc-v2", "rfs": "qick-tproc-v1"}
"""Models by the first letters of a board's name."""
LO_HZ = (5.10e9, 5.92e9)
"""What frequencies of drives and readout count from in lab.toml; there is no mixer."""
PULSE_S = 2.0926e-8
"""Nine cycles of a drive's generator, but for less than a picosecond: drives follow each other without a gap."""


def _generator(place: str) -> int:
    """Return the generator, from 1, that an output of the plant is I of."""
    return (connector(place)[1] + 1) // 2


def _readers(cables: Cables) -> list[int]:
    """Return the generator that each transmon is read out by: the line's own, and those that are joined to it."""
    own = _generator(cables.readout.i)
    return [own, *sorted(_generator(place) for place, other in cables.joined.items() if _generator(other) == own)]


def joined_lines(cables: Cables) -> list[str]:
    """Return which generators' lines are joined to another's, as the emulator takes it."""
    return [f"{_generator(place)}={_generator(other)}" for place, other in sorted(cables.joined.items())]


def board_lines(cables: Cables, model: str) -> list[str]:
    """Return the lines of the board behind its address."""
    lines = ["timeout_s = 10.0", f"clock_hz = {DRIVE_HZ!r}", 'reference = "external"', 'safe = { outputs = "off" }']
    lines += [
        "allow_pickle = true",
        f"board = '''{json.dumps(board_config(model))}'''",
        "line.1 = { width_s = 1.0e-7 }",
    ]
    span = f"limits_v = [{-FULL_SCALE_VPP / 2}, {FULL_SCALE_VPP / 2}], amplitude_vpp = {FULL_SCALE_VPP}"
    tones = {_generator(line.i): LO_HZ[0] for line in cables.drive}
    tones |= dict.fromkeys(_readers(cables), LO_HZ[1])
    for n in sorted({*tones, *(_generator(line.output) for line in cables.flux if line.output)}):
        lo = f", lo_hz = {tones[n] / 1e9:.2f}e9" if n in tones else ""
        lines.append(f"output.{n} = {{ {span}{lo} }}")
    lines += [f"input.{k + 1} = {{ range_v = 1.0 }}" for k in range(len(cables.drive))]
    return lines


def board_ports(name: str, number: int, cables: Cables) -> list[str]:
    """Return the ports of one transmon."""
    drive, flux = cables.drive[number], cables.flux[number]
    box = connector(drive.i)[0]
    lines = [f'[ports."{name}.drive"]', f'output = "{box}:{_generator(drive.i)}"', ""]
    if flux.output:
        lines += [f'[ports."{name}.flux"]', f'output = "{box}:{_generator(flux.output)}"', f'dc = "{flux.dc}"', ""]
    reader = _readers(cables)[number]
    return [
        *lines,
        f'[ports."{name}.readout"]',
        f'output = "{box}:{reader}"',
        f'acquire = "{box}:{number + 1}"',
        f'feedline = "f{number}"',
        "",
    ]
