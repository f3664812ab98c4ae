"""What clients may ask of one instrument, as a table: verb → function of its thread and device."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np

from qctl import wire
from qctl.device import BulkRead, Device
from qctl.errors import RequestError
from qctl.instruments.commands import planned
from qctl.instruments.registry import speak_raw
from qctl.server.instrument import InstrumentThread
from qctl.server.orders import KnownSnapshot

__all__ = ["INSTRUMENT_VERBS", "parameter_rows", "plain"]

_LONGEST_S = 3600.0
Buffers: TypeAlias = Sequence[bytes | memoryview]
_NOT_CALLABLE = frozenset(
    {"close", "load", "start", "select", "arm", "read", "fire", "wait", "get", "set", "plan", "parameters"}
    | {"finished", "integrated"}
)


def plain(value: Any) -> Any:
    """Return a driver's value as what msgpack has."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value


def parameter_rows(device: Device | None) -> list[dict[str, Any]]:
    """Return what a device can be asked for; nothing when it is not open."""
    if device is None:
        return []
    return [
        {
            "name": item.name,
            "label": item.label,
            "unit": item.unit,
            "kind": item.kind.__name__,
            "settable": item.settable,
        }
        for item in device.parameters()
    ]


def _known(name: str, device: Device, parameter: str, settable: bool = False) -> None:
    known = [item.name for item in device.parameters() if item.settable or not settable]
    if parameter not in known:
        what = "settable parameter" if settable else "parameter"
        raise RequestError(f"{name} has no {what} {parameter}; it has {', '.join(known)}", instrument=name)


def _get(request: Any, thread: InstrumentThread, _buffers: Buffers) -> Callable[[Device], Any]:
    def get(device: Device) -> Any:
        _known(thread.name, device, request.parameter)
        return plain(device.get(request.parameter))

    return get


def _set(request: Any, thread: InstrumentThread, _buffers: Buffers) -> Callable[[Device], Any]:
    values = request.values[thread.name]

    def set_values(device: Device) -> None:
        for name in values:
            _known(thread.name, device, name, settable=True)
        for name, value in planned(device, [values])[0].items():
            device.set(name, value)

    return set_values


def _call(request: Any, thread: InstrumentThread, _buffers: Buffers) -> Callable[[Device], Any]:
    def call(device: Device) -> Any:
        method = getattr(device, request.method, None)
        if request.method.startswith("_") or request.method in _NOT_CALLABLE or not callable(method):
            raise RequestError(f"{thread.name} offers no method {request.method}", instrument=thread.name)
        try:
            return plain(method(*request.args, **request.kwargs))
        except TypeError as problem:
            raise RequestError(f"{thread.name}.{request.method}: {problem}", instrument=thread.name) from problem

    return call


def _snapshot(request: Any, thread: InstrumentThread, _buffers: Buffers) -> Callable[[Device], Any]:
    def snapshot(device: Device) -> Any:
        shown = {}
        time_s: float | None
        known = request.values if isinstance(request, KnownSnapshot) else None
        told = device.get_all() if known is None and isinstance(device, BulkRead) else None
        for item in device.parameters():
            if known is None:
                value = device.get(item.name) if told is None else told.get(item.name)
                value, time_s = plain(value), time.time()
            else:
                value, time_s = known.get(item.name, (None, None))
            when = None if time_s is None else datetime.fromtimestamp(time_s).strftime("%Y-%m-%d %H:%M:%S")
            shown[item.name] = {
                "full_name": f"{thread.name}_{item.name}",
                "value": value,
                "raw_value": value,
                "ts": when,
                "instrument": f"{type(device).__module__}.{type(device).__name__}",
                "instrument_name": thread.name,
                "name": item.name,
                "label": item.label,
                "unit": item.unit,
            }
        maker, _, rest = thread.identity.partition(",")
        identity = {"vendor": maker.strip(), "model": rest.split(",")[0].strip(), "idn": thread.identity}
        return {"name": thread.name, "parameters": shown, "submodules": {}, "functions": {}, "identity": identity}

    return snapshot


def _raw(request: Any, thread: InstrumentThread, buffers: Buffers) -> Callable[[Device], Any]:
    if len(buffers) > 1:
        raise RequestError(f"a raw text ends in one block at most, not {len(buffers)}", instrument=thread.name)
    if request.timeout_s is not None and not 0 <= request.timeout_s <= _LONGEST_S:
        raise RequestError(f"timeout_s = {request.timeout_s} is outside [0, {_LONGEST_S:g}]", instrument=thread.name)
    block = buffers[0] if buffers else None
    return lambda device: speak_raw(device, thread.instrument, request.text, block, request.timeout_s)


def _safe(_request: Any, _thread: InstrumentThread, _buffers: Buffers) -> Callable[[Device], Any]:
    return lambda device: device.safe()


INSTRUMENT_VERBS: dict[type, Callable[[Any, InstrumentThread, Buffers], Callable[[Device], Any]]] = {
    wire.Get: _get,
    wire.Set: _set,
    wire.Call: _call,
    wire.Raw: _raw,
    wire.Snapshot: _snapshot,
    KnownSnapshot: _snapshot,
    wire.Safe: _safe,
}
