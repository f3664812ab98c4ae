"""Hold what a board says of itself now against what lab.toml says that programs are compiled for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qctl.errors import VersionError
from qctl.instruments.firmware_versions import check_firmware
from qctl.instruments.qick.capabilities import capability_of_board

__all__ = ["check_board", "differences"]

_COMPILED_FOR = ("board", "refclk_freq", "tprocs", "gens", "readouts")
"""Keys of soccfg that programs depend on."""
_CLOSE = 1e-9


def check_board(name: str, told: Mapping[str, Any], meant: Mapping[str, Any]) -> None:
    """Refuse a board that programs for `meant` must not be sent to; `name` is the instrument's.

    Raises
    ------
    VersionError
        If the board's firmware is outside the range that is known, or it is another than lab.toml's, with the first
        key that differs.
    """
    check_firmware(capability_of_board(told), str(told.get("sw_version", "")))
    for place, here, there in differences(told, meant):
        raise VersionError(
            f"{name}: the board is not the one that programs are compiled for: {place} is {here!r}, and {there!r} in "
            f"instruments.{name}.board of lab.toml: write that file anew (soc.dump_cfg()), or load the bitstream that "
            "it is of",
            instrument=name,
            key=place,
        )


def differences(told: Mapping[str, Any], meant: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield keys that differ, with the board's value and lab.toml's; what the board alone says doesn't count."""
    for key in _COMPILED_FOR:
        yield from _apart(key, told.get(key), meant.get(key))


def _apart(place: str, here: Any, there: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        for key, value in there.items():
            yield from _apart(f"{place}.{key}", here.get(key), value)
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for k, (one, other) in enumerate(zip(here, there, strict=True)):
            yield from _apart(f"{place}[{k}]", one, other)
    elif isinstance(here, list) and isinstance(there, list):
        yield f"the number of {place}", len(here), len(there)
    elif isinstance(here, float | int) and isinstance(there, float | int):
        if abs(here - there) > _CLOSE * max(abs(here), abs(there)):
            yield place, here, there
    elif here != there:
        yield place, here, there
