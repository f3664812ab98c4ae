"""The error tree of qctl: one root, and a stable code for each kind of failure.

A code is what travels on the wire and what scripts may rely on; class names are for Python only.
Messages carry the numbers, their units, the bound and the place:
``power_dbm = 25 is outside [-60, 10]``.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "AccessError",
    "CompileError",
    "DeviceError",
    "DeviceTimeoutError",
    "InternalError",
    "JobCancelledError",
    "LeaseError",
    "LimitError",
    "NotAllowedError",
    "NotAuthenticatedError",
    "ParseError",
    "QctlError",
    "QueueFullError",
    "RefusedError",
    "RequestError",
    "ScheduleError",
    "TimingError",
    "VersionError",
    "WireError",
    "error_codes",
    "error_from_wire",
]


class QctlError(Exception):
    """Be the root of every error that qctl raises on purpose.

    Parameters
    ----------
    message : str
        What is wrong, with value, unit, bound and place.
    **details
        JSON-like values that a program may want (``line=3``, ``instrument="awg0"``).
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        return (error_from_wire, (self.code, self.message, self.details))


class RequestError(QctlError):
    """Say that the request is wrong; repeating it can't help."""

    code = "request"


class ParseError(RequestError):
    """Say that a text or file can't be read; `details` has line and column where known."""

    code = "parse"

    def __init__(self, message: str, line: int = 0, column: int = 0, **details: Any) -> None:
        place = f"line {line}, column {column}: " if line and not message.startswith("line ") else ""
        super().__init__(place + message, line=line, column=column, **details)
        self.line = line
        self.column = column


class CompileError(RequestError):
    """Say that a valid program can't be compiled for its target."""

    code = "compile"


class TimingError(CompileError):
    """Say that a time can't be kept on the target's clock."""

    code = "timing"


class ScheduleError(QctlError):
    """Say that a valid job can't run now."""

    code = "schedule"


class QueueFullError(ScheduleError):
    """Say that the queue takes no more jobs."""

    code = "queue_full"


class JobCancelledError(ScheduleError):
    """Say that the job was cancelled; finished shots are kept and marked partial."""

    code = "job_cancelled"


class DeviceError(QctlError):
    """Say that an instrument failed; `details["instrument"]` names it."""

    code = "device"


class LimitError(DeviceError):
    """Say that a value is outside its limits; it was never sent."""

    code = "limit"


class DeviceTimeoutError(DeviceError):
    """Say that an instrument did not answer in time; its state is unknown."""

    code = "device_timeout"


class RefusedError(DeviceError):
    """Say that an instrument refused, in its own words."""

    code = "refused"


class AccessError(QctlError):
    """Say that the caller may not do this."""

    code = "access"


class NotAuthenticatedError(AccessError):
    """Say that the caller is not known."""

    code = "not_authenticated"


class NotAllowedError(AccessError):
    """Say that the caller's role does not include this."""

    code = "not_allowed"


class LeaseError(AccessError):
    """Say that somebody else holds the instrument."""

    code = "lease"


class WireError(QctlError):
    """Say that a message or packet is malformed."""

    code = "wire"


class VersionError(WireError):
    """Say that two sides have versions that don't fit; the message names both and the remedy."""

    code = "version"


class InternalError(QctlError):
    """Say that qctl has a bug; please report it."""

    code = "internal"


def error_codes() -> dict[str, type[QctlError]]:
    """Return every stable code with its class."""
    found: dict[str, type[QctlError]] = {}
    todo: list[type[QctlError]] = [QctlError]
    while todo:
        kind = todo.pop()
        found[kind.code] = kind
        todo.extend(kind.__subclasses__())
    return found


def error_from_wire(code: str, message: str, details: dict[str, Any] | None = None) -> QctlError:
    """Return the error that a peer named by `code`; an unknown code becomes the root class."""
    kind = error_codes().get(code, QctlError)
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.message = message
    error.details = dict(details or {})
    if isinstance(error, ParseError):
        error.line = int(error.details.get("line", 0))
        error.column = int(error.details.get("column", 0))
    return error
