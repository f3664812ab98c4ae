"""A PyMeasure driver as qctl asks for it: its controls, measurements and settings, and those of its channels.

A snapshot asks only for what lab.toml names: reading a property of PyMeasure may do anything, and nothing tells which
are readings.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from qctl.device import Parameter
from qctl.errors import RequestError
from qctl.lab import Instrument

try:
    from pymeasure.instruments import Channel
    from pymeasure.instruments import Instrument as PymeasureInstrument
except ImportError as problem:
    raise RequestError('hosting a PyMeasure driver needs PyMeasure: pip install "qctl[pymeasure]"') from problem

__all__ = ["NOTHING", "PymeasureDriver", "open_foreign"]


class PymeasureDriver:
    """One open PyMeasure instrument.

    Parameters
    ----------
    instrument : pymeasure.instruments.Instrument, optional
        The instrument; none stands for one that isn't open yet.
    """

    def __init__(self, instrument: Any = None) -> None:
        self._instrument = instrument
        self._places: dict[str, tuple[Any, str]] = {}
        self._asked: set[str] = set()
        self._tells: bool | None = None
        self._shown: dict[str, Parameter] = {}
        for name, owner, attribute, made in () if instrument is None else _walk(instrument, ""):
            self._places[name] = (owner, attribute)
            if _command(made.fget, "get_command"):
                self._asked.add(name)
            settable = made.fset is not None and bool(_command(made.fset, "set_command"))
            first = " ".join((made.__doc__ or "").split()).partition(". ")[0]
            self._shown[name] = Parameter(name, first or name, "", object, settable)

    def identify(self) -> str:
        """Return what the instrument answers to ``*IDN?``, or the class of one that does not.

        One that has not answered when it was opened is not asked again. A connection that breaks is no such silence:
        PyVISA-py opens sockets of addresses at which nobody listens, and tells so when something is sent.
        """
        if self._tells is not False:
            try:
                told = str(self._instrument.id).strip()
                self._tells = True
                return told
            except Exception as error:  # whatever its adapter raises; without identity it may say nothing at all
                broken = isinstance(error, OSError | EOFError) and not isinstance(error, TimeoutError)
                if self._tells or broken:
                    raise
                self._tells = False
        return f"PyMeasure,{type(self._instrument).__name__},,"

    def parameters(self) -> Mapping[str, Parameter]:
        """Return what it has, by name."""
        return self._shown

    def can_ask(self, name: str) -> bool:
        """Say whether a parameter can be asked for."""
        return name in self._asked

    def in_snapshot(self, name: str) -> bool:
        """Say no: only what lab.toml names is asked for."""
        return False

    def get(self, name: str) -> Any:
        """Ask for a value."""
        owner, attribute = self._places[name]
        return getattr(owner, attribute)

    def set(self, name: str, value: Any) -> None:
        """Set a value; PyMeasure's own validators look at it too."""
        owner, attribute = self._places[name]
        setattr(owner, attribute, value)

    def close(self) -> None:
        """Close the connection."""
        self._instrument.adapter.close()


NOTHING = PymeasureDriver()


def _walk(owner: Any, prefix: str) -> Iterator[tuple[str, Any, str, property]]:
    for attribute in dir(type(owner)):
        made = getattr(type(owner), attribute, None)
        if isinstance(made, property) and not attribute.startswith("_") and _command(made.fget, "") is not None:
            yield prefix + attribute, owner, attribute, made
    for name, inner in vars(owner).items():
        if isinstance(inner, Channel) and not name.startswith("_"):
            yield from _walk(inner, f"{prefix}{name}_")


def _command(function: Any, which: str) -> str | None:
    """Return the text that a property of `control` sends; None for a property that was made otherwise."""
    if "control.<locals>" not in getattr(function, "__qualname__", ""):
        return None
    known = inspect.signature(function).parameters
    return str(known[which].default or "") if which in known else ""


def open_foreign(kind: type, instrument: Instrument) -> PymeasureDriver:
    """Make an instrument of a PyMeasure class, at the address and with the time-out of lab.toml.

    Raises
    ------
    RequestError
        If it is no class of PyMeasure instruments.
    """
    if not issubclass(kind, PymeasureInstrument):
        raise RequestError(f"{kind.__name__} is not a class of PyMeasure instruments")
    settings: dict[str, Any] = {"visa_library": "@py", "timeout": int(instrument.timeout_s * 1000)}
    return PymeasureDriver(kind(instrument.address, **(settings | instrument.init)))
