"""Command tables as emulated devices take them: JSON, checked against what the schemas allow.

Source: the vendor's command table schemas, version 0.2 (HDAWG) and 1.1 (SHFSG), as published in the user manuals.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from qctl.errors import RequestError

__all__ = ["Entry", "read_table"]

_VERSIONS = {"hdawg": ("0.2", "1.0", "1.1"), "shf": ("1.0", "1.1", "1.1.0", "1.2", "1.2.0")}
_MOST = {"hdawg": 1024, "shf": 4096}
_GAINS = {
    "hdawg": ("amplitude0", "amplitude1"),
    "shf": ("amplitude00", "amplitude01", "amplitude10", "amplitude11"),
}
_PHASES = {"hdawg": ("phase0", "phase1"), "shf": ("phase",)}
_OTHERS = {"hdawg": (), "shf": ("oscillatorSelect",)}
_STANDARD = {"hdawg": (1.0, 1.0), "shf": (1.0, -1.0, 1.0, 1.0)}


class Entry(NamedTuple):
    """One entry.

    Attributes
    ----------
    wave : int or None
        Index of its waveform; None plays nothing.
    n_samples : int
        How long, where it says so; 0 is as long as the waveform.
    gains : tuple of float
        HDAWG: of both outputs; SHF: of the two waveforms in I and in Q.
    phases_degree : tuple of float
        HDAWG: of both sine generators; SHF: of the one.
    oscillator : int
        That turns it.
    """

    wave: int | None
    n_samples: int
    gains: tuple[float, ...]
    phases_degree: tuple[float, ...]
    oscillator: int


def read_table(text: str, kind: str) -> dict[int, Entry]:
    """Return the entries by index.

    Parameters
    ----------
    kind : str
        ``hdawg`` or ``shf``.

    Raises
    ------
    RequestError
        If it is no table, or a value is outside what the schema allows.
    """
    content = json.loads(text)
    if not isinstance(content, dict) or set(content) - {"$schema", "header", "table"}:
        raise RequestError("a command table has header and table")
    version = content.get("header", {}).get("version")
    if version not in _VERSIONS[kind]:
        raise RequestError(f"header version {version!r} is none of {', '.join(_VERSIONS[kind])}")
    known: dict[int, Entry] = {}
    for row in content.get("table", ()):
        index = row.get("index")
        if not isinstance(index, int) or not 0 <= index < _MOST[kind]:
            raise RequestError(f"index {index!r} is outside 0 … {_MOST[kind] - 1}")
        if index in known:
            raise RequestError(f"index {index} comes twice")
        known[index] = _entry(row, kind)
    return known


def _entry(row: Mapping[str, Any], kind: str) -> Entry:
    index = row["index"]
    names = (*_GAINS[kind], *_PHASES[kind], *_OTHERS[kind])
    strange = sorted(set(row) - {"index", "waveform", *names})
    if strange:
        raise RequestError(f"entry {index}: {strange[0]} is not known")
    waveform = row.get("waveform")
    wave, n_samples = None, 0
    if waveform is not None:
        if set(waveform) - {"index", "length", "samplingRateDivider", "awgChannel0", "playZero", "playHold"}:
            raise RequestError(f"entry {index}: waveform {waveform!r} is not emulated")
        n_samples = int(waveform.get("length", 0))
        wave = None if waveform.get("playZero") else waveform.get("index")
        if wave is not None and not 0 <= wave < 16_000:
            raise RequestError(f"entry {index}: waveform index {wave} is outside 0 … 15999")
        if n_samples % 16:
            raise RequestError(f"entry {index}: length {n_samples} is no multiple of 16")
    gains = []
    for name, usual in zip(_GAINS[kind], _STANDARD[kind], strict=True):
        value = float(_value(row, name, usual))
        if not -1 <= value <= 1:
            raise RequestError(f"entry {index}: {name} = {value:g} is outside [-1, 1]")
        gains.append(value)
    phases = tuple(float(_value(row, name, 0.0)) for name in _PHASES[kind])
    oscillator = int(_value(row, "oscillatorSelect", 0)) if "oscillatorSelect" in names else 0
    if not 0 <= oscillator <= 7:
        raise RequestError(f"entry {index}: oscillatorSelect = {oscillator} is outside 0 … 7")
    return Entry(wave, n_samples, tuple(gains), phases, oscillator)


def _value(row: Mapping[str, Any], name: str, usual: float) -> Any:
    found = row.get(name)
    if found is None:
        return usual
    if set(found) - {"value", "increment", "register"} or found.get("increment"):
        raise RequestError(f"entry {row['index']}: {name} = {found!r} is not emulated")
    return found["value"]
