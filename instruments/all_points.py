"""What refuses to select a point: boxes that play all points of a program by themselves."""

from __future__ import annotations

from qctl.errors import RequestError

__all__ = ["plays_all"]


def plays_all(name: str, point: int) -> RequestError:
    """Return what refuses to select a point of an instrument that plays all of them in each shot or run."""
    return RequestError(f"{name} plays all points by itself; {point} can't be selected", instrument=name)
