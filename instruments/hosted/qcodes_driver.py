"""A QCoDeS driver as qctl asks for it: its parameters and those of its submodules, names joined with ``_``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, cast

from qctl.device import Parameter
from qctl.errors import DeviceError, RequestError
from qctl.lab import Instrument
from qctl.lab.addresses import Address, parse_address

try:
    from qcodes import validators
    from qcodes.instrument import Instrument as QcodesInstrument
    from qcodes.instrument import IPInstrument, VisaInstrument
    from qcodes.parameters import ArrayParameter, MultiParameter, ParameterWithSetpoints
except ImportError as problem:
    raise RequestError('hosting a QCoDeS driver needs QCoDeS: pip install "qctl[qcodes]"') from problem

__all__ = ["NOTHING", "QcodesDriver", "open_foreign"]

_KINDS: tuple[tuple[type, type], ...] = (
    (validators.Bool, bool),
    (validators.Ints, int),
    (validators.Numbers, float),
    (validators.Strings, str),
)
_OWN = ("IDN", "timeout")
_ARRAYS = (ArrayParameter, MultiParameter, ParameterWithSetpoints)


class QcodesDriver:
    """One open QCoDeS instrument.

    Parameters
    ----------
    instrument : qcodes.instrument.Instrument, optional
        The instrument; none stands for one that isn't open yet.
    """

    def __init__(self, instrument: Any = None) -> None:
        self._instrument = instrument
        self._parameters = dict(_walk(instrument, "")) if instrument is not None else {}
        self._shown = {name: _shown(name, item) for name, item in self._parameters.items()}
        self._tells: bool | None = None

    def identify(self) -> str:
        """Return vendor, model, serial number and firmware with commas between, or the class of what can't say.

        Raises
        ------
        DeviceError
            If it could say before, and does not any more. One that could not is not asked again.
        """
        fields = {} if self._tells is False else self._instrument.get_idn()
        known = bool(fields.get("vendor") or (fields.get("serial") and fields.get("model")))
        if self._tells and not known:
            raise DeviceError(f"{self._instrument.name} does not say who it is any more")
        self._tells = known
        if not known:
            return f"QCoDeS,{type(self._instrument).__name__},,"
        return ",".join(str(fields.get(key) or "") for key in ("vendor", "model", "serial", "firmware"))

    def parameters(self) -> Mapping[str, Parameter]:
        """Return what it has, by name."""
        return self._shown

    def can_ask(self, name: str) -> bool:
        """Say whether a parameter can be asked for."""
        return bool(self._parameters[name].gettable)

    def in_snapshot(self, name: str) -> bool:
        """Say whether QCoDeS itself would ask for it."""
        item = self._parameters[name]
        return bool(item.snapshot_value) and not item.snapshot_exclude and not isinstance(item, _ARRAYS)

    def get(self, name: str) -> Any:
        """Ask for a value."""
        return self._parameters[name].get()

    def set(self, name: str, value: Any) -> None:
        """Set a value; QCoDeS' own validators look at it too."""
        self._parameters[name].set(value)

    def close(self) -> None:
        """Close the connection."""
        self._instrument.close()


NOTHING = QcodesDriver()


def _walk(module: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, item in module.parameters.items():
        if prefix or name not in _OWN:
            yield prefix + name, item
    for name, inner in module.submodules.items():
        if hasattr(inner, "parameters"):
            yield from _walk(inner, f"{prefix}{name}_")


def _shown(name: str, item: Any) -> Parameter:
    found = getattr(item, "vals", None)
    kind = next((kind for validator, kind in _KINDS if isinstance(found, validator)), float if item.unit else object)
    return Parameter(name, str(item.label or name), str(item.unit or ""), kind, bool(item.settable))


def open_foreign(kind: type, instrument: Instrument) -> QcodesDriver:
    """Make an instrument of a QCoDeS class, at the address and with the time-out of lab.toml.

    Raises
    ------
    RequestError
        If it is no class of QCoDeS instruments.
    """
    if not issubclass(kind, QcodesInstrument):
        raise RequestError(f"{kind.__name__} is not a class of QCoDeS instruments")
    name, given, make = instrument.name, dict(instrument.init), cast("Any", kind)
    if QcodesInstrument.exist(name):  # one that hung, and was replaced
        QcodesInstrument.find_instrument(name).close()
    address = parse_address(instrument.address)
    if issubclass(kind, VisaInstrument):
        made = make(name, instrument.address, **({"visalib": "@py"} | given))
        made.timeout.set(instrument.timeout_s)
    elif issubclass(kind, IPInstrument) and isinstance(address, Address) and address.port:
        made = make(name, address.host, int(address.port), **given)
        made.set_timeout(instrument.timeout_s)
    else:
        wants = "address" in inspect.signature(kind.__init__).parameters
        made = make(name, **({"address": instrument.address} if wants else {}), **given)
    return QcodesDriver(made)
