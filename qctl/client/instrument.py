"""The instruments of a lab as the sync client shows them: their drivers' parameters, and leases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qctl.client import calls
from qctl.errors import RequestError

if TYPE_CHECKING:
    from qctl.client.lab import Lab

__all__ = ["Instrument", "Instruments", "Lease"]


class Instrument:
    """One instrument of a lab, as its driver's parameters."""

    def __init__(self, lab: Lab, name: str) -> None:
        self._lab = lab
        self.name = name

    def __repr__(self) -> str:
        return f"<Instrument {self.name}>"

    @property
    def row(self) -> dict[str, Any]:
        """Ask for model, address, state of the link, identity and parameters."""
        return next(row for row in self._lab.carry(calls.instruments()) if row["name"] == self.name)

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """Ask for the parameters: name, label, unit, kind, settable."""
        found: list[dict[str, Any]] = self.row["parameters"]
        return found

    def get(self, parameter: str, cached: bool = False) -> Any:
        """Ask for a value; `cached` takes the last confirmed one from the broker."""
        return self._lab.carry(calls.get(self.name, parameter, cached))

    def set(self, parameter: str, value: Any) -> None:
        """Set a value within its limits; return when the instrument has confirmed it."""
        self._lab.carry(calls.set_many({self.name: {parameter: value}}))

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method that the driver offers beside get and set."""
        return self._lab.carry(calls.call(self.name, method, args, kwargs))

    def raw(self, text: str, block: Any = None, timeout_s: float | None = None) -> str | bytes | None:
        """Send the instrument's own text and return its answer; see `qctl.visa_manager` for whole scripts.

        A `block` is the content of a definite block that ends the message; bytes in return are one with its head.
        `timeout_s` is how long the answer may take, if that is longer than lab.toml's time-out.
        """
        answer: str | bytes | None = self._lab.carry(calls.raw(self.name, text, block, timeout_s))
        return answer

    def snapshot(self, update: bool = True) -> dict[str, Any]:
        """Return all parameters in the shape of a QCoDeS snapshot."""
        found: dict[str, Any] = self._lab.carry(calls.snapshot(self.name, update))
        return found


class Instruments(dict[str, Instrument]):
    """The instruments of a lab by name."""

    def __missing__(self, name: str) -> Instrument:
        raise RequestError(f"this lab has no instrument {name!r}; it has {', '.join(self)}", instrument=str(name))


class Lease:
    """Instruments that a client holds; the end of a ``with`` block gives them back.

    Attributes
    ----------
    instruments : tuple of str
        Their names.
    expires_s : float
        When the lease ends without a sign of life, in seconds since the Unix epoch.
    """

    def __init__(self, lab: Lab, instruments: tuple[str, ...], expires_s: float) -> None:
        self._lab = lab
        self.instruments, self.expires_s = instruments, expires_s

    def release(self) -> None:
        """Give the instruments back."""
        self._lab.release(*self.instruments)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
