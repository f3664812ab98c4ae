"""Errors of the client, by the names that zhinst.core.errors has."""

from __future__ import annotations

import builtins

__all__ = [
    "BY_NAME",
    "ConnectionError",
    "CoreError",
    "DeviceNotFoundError",
    "InvalidArgumentError",
    "NotFoundError",
    "ReadOnlyError",
    "TimeoutError",
]


class CoreError(RuntimeError):
    """Be the root of all errors of the client."""


class TimeoutError(CoreError, builtins.TimeoutError):
    """Say that the data server did not answer in time."""


class ConnectionError(CoreError, builtins.ConnectionError):
    """Say that the data server is gone."""


class DeviceNotFoundError(CoreError):
    """Say that the data server sees no such device."""


class NotFoundError(CoreError):
    """Say that no node has this path."""


class ReadOnlyError(CoreError):
    """Say that a node can't be written."""


class InvalidArgumentError(CoreError):
    """Say that a node doesn't take such a value."""


BY_NAME: dict[str, type[CoreError]] = {
    kind.__name__: kind for kind in (CoreError, DeviceNotFoundError, NotFoundError, ReadOnlyError, InvalidArgumentError)
}
