"""A QICK board as its soccfg says it: limits, generators, readouts, and its words for frequencies and times."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from qctl.errors import CompileError, VersionError
from qctl.instruments.capability import Capability
from qctl.instruments.qick.capabilities import capability_of_board
from qctl.units import rational_hz

__all__ = ["RESETTING", "Board", "board_of", "fabric_hz"]

_KEYS = {
    "gens": ("type", "fs", "fs_mult", "fdds_div", "samps_per_clk", "tproc_ch"),
    "readouts": ("fs", "fs_mult", "fdds_div", "f_output", "trigger_type", "trigger_port"),
}
RESETTING = ("axis_signal_gen_v6", "axis_sg_int4_v1", "axis_sg_int4_v2")
"""Generators whose carrier can be started anew (phrst): qick asm_v2."""


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """One board.

    Attributes
    ----------
    table : Capability
        Its limits.
    soccfg : mapping
        What it says of itself.
    timing_hz : Fraction
        Clock that starts of pulses and readouts are counted in.
    version : int
        Of its tProcessor, 1 or 2.
    """

    table: Capability
    soccfg: Mapping[str, Any]
    timing_hz: Fraction
    version: int

    def generator(self, number: int, where: str) -> Mapping[str, Any]:
        """Return a generator by the number of its output, from 1."""
        return self._part("gens", number, f"output {number}", where)

    def readout(self, number: int, where: str) -> Mapping[str, Any]:
        """Return a readout by the number of its input, from 1."""
        return self._part("readouts", number, f"input {number}", where)

    def _part(self, key: str, number: int, what: str, where: str) -> Mapping[str, Any]:
        parts = self.soccfg[key]
        if number > len(parts):
            raise CompileError(f"{where}: the board has {len(parts)} {key}, so there is no {what}")
        found: Mapping[str, Any] = parts[number - 1]
        for name in _KEYS[key]:
            if name not in found:
                raise VersionError(
                    f"{where}: soccfg lacks {key}[{number - 1}].{name}; update the board's QICK, or qctl",
                    version=str(self.soccfg.get("sw_version", "unknown")),
                    key=f"{key}[{number - 1}].{name}",
                )
        return found

    def step_hz(self, channel: Mapping[str, Any]) -> float:
        """Return the frequency of one step of a channel's word (qick: QickConfig.ch_fstep)."""
        refclk_mhz: float = self.soccfg["refclk_freq"]
        return float(1e6 * channel["fs_mult"] * (refclk_mhz / channel["fdds_div"]) / 2 ** channel["b_dds"])

    def steps_together(self, channel: Mapping[str, Any], other: Mapping[str, Any] | None) -> int:
        """Return how many steps of a channel are a whole number of steps of the other one, too.

        Frequencies of a generator and of the readout behind it are whole multiples of that, or they would drift apart
        (qick: QickConfig.calc_fstep_int).
        """
        if other is None:
            return 1
        divisor = math.lcm(channel["fdds_div"], other["fdds_div"])
        most = max(channel["b_dds"], other["b_dds"])
        mine, its = (
            one["fs_mult"] * (divisor // one["fdds_div"]) * 2 ** (most - one["b_dds"]) for one in (channel, other)
        )
        return int(math.lcm(mine, its) // mine)


def fabric_hz(channel: Mapping[str, Any]) -> Fraction:
    """Return the clock that a generator's pulse lengths are counted in."""
    return rational_hz(channel["f_fabric"] * 1e6)


@lru_cache(maxsize=16)
def board_of(text: str, where: str, model: str) -> Board:
    """Return the board that a JSON text of soccfg is about; `where` is the instrument's name, `model` its model.

    Raises
    ------
    CompileError
        If there is no text, or only the name of a file.
    VersionError
        If it lacks what is needed, or has another tProcessor than its model.
    """
    if not text.lstrip().startswith("{"):
        told = "is missing" if not text else f"names the file {text!r}, whose text load_lab takes"
        raise CompileError(f"instruments.{where}.board {told}; write the board's soccfg: soc.dump_cfg() in a file")
    try:
        soccfg = json.loads(text)
    except ValueError as error:
        raise CompileError(f"instruments.{where}.board is no JSON: {error}") from None
    table = capability_of_board(soccfg)
    version = int(table.model[-1])
    if model != f"qick-tproc-v{version}":
        raise VersionError(
            f"{where}: the board has a {table.title.partition(' on ')[0]}, and lab.toml says {model}: write "
            f'model = "qick-tproc-v{version}", or load another bitstream'
        )
    if not isinstance(soccfg.get("refclk_freq"), int | float):
        raise VersionError(f"{where}: soccfg lacks refclk_freq", key="refclk_freq")
    return Board(table, soccfg, rational_hz(soccfg["tprocs"][0]["f_time"] * 1e6), version)
