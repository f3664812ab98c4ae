"""What a driver may assume of the program that it loaded: it is there, and the link is still the same."""

from __future__ import annotations

from typing import TypeVar

from qctl.errors import DeviceError, RequestError
from qctl.instruments.links.link import Link

__all__ = ["loaded"]

Body = TypeVar("Body")


def loaded(body: Body | None, link: Link, generation: int) -> Body:
    """Return the body of the program that a device holds.

    Parameters
    ----------
    body : object or None
        What was loaded last.
    link : Link
        The device's link.
    generation : int
        That of the link when it was loaded.

    Raises
    ------
    RequestError
        If nothing is loaded.
    DeviceError
        If the link was opened anew since: the device may have been off.
    """
    if body is None:
        raise RequestError(f"{link.name}: no program is loaded", instrument=link.name)
    if link.generation != generation:
        raise DeviceError(
            f"{link.name}: the link was reopened since the program was loaded; load it again", instrument=link.name
        )
    return body
