"""The broker's cache: the last value of each parameter that an instrument told or confirmed, and when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qctl import wire

__all__ = ["Values"]


class Values:
    """Confirmed values by instrument and parameter; what can't be known any more is not there."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[Any, float]] = {}

    def get(self, instrument: str, parameter: str) -> tuple[Any, float] | None:
        """Return (value, seconds since 1970), or None."""
        return self._known.get((instrument, parameter))

    def of(self, instrument: str) -> dict[str, tuple[Any, float]]:
        """Return what is known of an instrument: (value, seconds since 1970) by parameter."""
        return {parameter: known for (name, parameter), known in self._known.items() if name == instrument}

    def put(self, instrument: str, parameter: str, value: Any, time_s: float) -> None:
        """Take a value that was told or confirmed."""
        self._known[(instrument, parameter)] = (value, time_s)

    def forget(self, *instruments: str) -> None:
        """Forget all of some instruments."""
        self._known = {key: value for key, value in self._known.items() if key[0] not in instruments}

    def learn(self, request: Any, reply: Any, time_s: float) -> Iterator[tuple[str, str, Any]]:
        """Learn from a reply, and yield (instrument, parameter, value) of what was set.

        A call or raw text that may have changed something makes all of its instrument unknown; what was asked before
        it may have been answered since it was passed on.
        """
        if isinstance(request, wire.Get) and isinstance(reply, wire.Reading):
            self.put(request.instrument, request.parameter, reply.value, reply.time_s)
        elif isinstance(request, wire.Snapshot) and isinstance(reply, wire.Reading):
            for parameter, shown in reply.value["parameters"].items():
                self.put(request.instrument, parameter, shown["value"], reply.time_s)
        elif isinstance(request, wire.Call | wire.Raw):
            self.forget(request.instrument)
        elif isinstance(request, wire.Set):
            for name, settings in request.values.items():
                for parameter, value in settings.items():
                    if isinstance(reply, wire.Done):
                        self.put(name, parameter, value, time_s)
                        yield name, parameter, value
                    else:
                        self._known.pop((name, parameter), None)
