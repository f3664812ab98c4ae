"""What a processor's instruments are set to before a run: carriers, static biases, and what its holder keeps."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from msgspec import UNSET

from qctl import wire
from qctl.lab import Lab
from qctl.lab.groups import group_of
from qctl.lab.snapshot import Values
from qctl.server.access import ALL
from qctl.server.orders import Leases

__all__ = ["may_change", "run_settings", "settings_by_group", "touches", "without_kept"]

_ASKING = ("identify", "locked")
_ENDS = re.compile(r"[;\x00-\x08\n-\x1f\x7f]")
"""What may end a command of a raw message; more ends than instruments/raw.py knows do no harm."""
_ONE_OUTPUT = re.compile(r"output\d+")


def run_settings(lab: Lab, values: Values) -> dict[str, dict[str, Any]]:
    """Return instrument → parameter → value for a run on the processor of `values`.

    Parameters
    ----------
    lab : Lab
        The wiring: local oscillators with their frequency and power, DC outputs of flux lines.
    values : Values
        The calibration in effect: voltage of each static bias.
    """
    settings: dict[str, dict[str, Any]] = {}
    for port in lab.ports_of(values.processor):
        if port.lo is not None:
            source = lab.instrument(port.lo)
            wanted: dict[str, Any] = {}
            if source.frequency_hz is not None:
                wanted["frequency_hz"] = source.frequency_hz
            if source.power_dbm is not None:
                wanted["power_dbm"] = source.power_dbm
            settings[port.lo] = {**wanted, "output_on": True}
        flux = getattr(values.qubits.get(port.target), "flux", None)
        if port.dc is None or flux is None:
            continue
        biases = settings.setdefault(port.dc.instrument, {})
        if port.dc.output not in lab.instrument(port.dc.instrument).current:
            biases[f"output{port.dc.output}_voltage_v"] = flux.offset_v
        elif flux.offset_a is not UNSET:
            biases[f"output{port.dc.output}_current_a"] = flux.offset_a
    return settings


def without_kept(
    settings: Mapping[str, Mapping[str, Any]], kept: Mapping[str, Collection[str]]
) -> dict[str, dict[str, Any]]:
    """Return the settings of a run of somebody who keeps some parameters as they were set by hand."""
    left: dict[str, dict[str, Any]] = {}
    for name, values in settings.items():
        by_hand = kept.get(name, ())
        left[name] = {key: value for key, value in values.items() if key not in by_hand and ALL not in by_hand}
    return left


def settings_by_group(lab: Lab, values: Values, leases: Leases, client: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what is set for a client's run, by group; what the client set by hand under a lease stays as it is."""
    kept = {name: found for name, found in leases.kept.items() if leases.held.get(name) == client}
    by_group: dict[str, dict[str, dict[str, Any]]] = {}
    for name, wanted in without_kept(run_settings(lab, values), kept).items():
        by_group.setdefault(group_of(lab, name), {})[name] = wanted
    return by_group


def may_change(request: Any) -> bool:
    """Say whether a client's request may change settings: text that only asks can't, nor `identify` nor `locked`."""
    if isinstance(request, wire.Raw):
        commands = [part.split(maxsplit=1) for part in _ENDS.split(request.text)]
        return not all(words[0].endswith("?") for words in commands if words)
    if isinstance(request, wire.Call):
        return request.method not in _ASKING
    return isinstance(request, wire.Set)


def touches(request: wire.Set | wire.Call | wire.Raw, settings: Mapping[str, Any] | None) -> bool:
    """Say whether a request meets what a run has set on its instrument; other outputs of it are free to be set."""
    if settings is None or not isinstance(request, wire.Set):
        return settings is not None
    taken = {parameter.partition("_")[0] for parameter in settings}
    wanted = {parameter.partition("_")[0] for values in request.values.values() for parameter in values}
    return any(place in taken or not _ONE_OUTPUT.fullmatch(place) for place in wanted)
