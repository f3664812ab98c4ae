"""Lay values that a tune-up found over the newest calibration snapshot."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from qctl.errors import RequestError
from qctl.lab import Lab
from qctl.lab.decoding import Problems, decode
from qctl.lab.snapshot import Snapshot, check_fit, effective

__all__ = ["overlay"]


def overlay(lab: Lab, qpu: str, before: Snapshot | None, values: Mapping[str, Any], note: str) -> Snapshot:
    """Return a snapshot of all values in effect with `values` laid over them.

    Parameters
    ----------
    lab : Lab
        Design values.
    qpu : str
        Processor.
    before : Snapshot, optional
        The newest one.
    values : mapping
        ``{"qubits": {"q0": {"frequency_hz": …, "drive": {"amplitude_v": …}}}, "couplers": {…}}``; what is not
        named stays.
    note : str
        For people.

    Raises
    ------
    RequestError
        If a name or a value doesn't fit, or lab.toml would be refused with it; all problems are in the details.
    """
    known = effective(lab, qpu, before)
    problems = Problems()
    sections: dict[str, dict[str, Any]] = {}
    for section in ("qubits", "couplers"):
        present = getattr(known, section)
        sections[section] = dict(present)
        for name, change in dict(values.get(section, {})).items():
            path = f"{section}.{name}"
            if name not in present:
                problems.add(path, f"{qpu} has no such name")
                continue
            whole = _merge(msgspec.to_builtins(present[name]), change)
            sections[section][name] = decode(whole, type(present[name]), problems, path)
    unknown = set(values) - {"qubits", "couplers"}
    if unknown:
        problems.add(sorted(unknown)[0], "unknown key; known are qubits, couplers")
    _raise(problems)
    snapshot = Snapshot(
        number=0,
        time_s=time.time(),
        processor=qpu,
        qubits=sections["qubits"],
        couplers=sections["couplers"],
        note=note,
        parent=before.number if before else 0,
    )
    check_fit(lab, snapshot, problems)
    _raise(problems)
    return snapshot


def _raise(problems: Problems) -> None:
    if problems.found:
        raise RequestError(problems.found[0], problems=problems.found)


def _merge(below: Any, above: Any) -> Any:
    """Return a mapping with another laid over it, key by key."""
    if not isinstance(below, dict) or not isinstance(above, Mapping):
        return above
    return {**below, **{key: _merge(below.get(key), value) for key, value in above.items()}}
