"""QCoDeS over a server: each instrument of a lab as a QCoDeS instrument, its parameters with label, unit and snapshot.

Source: QCoDeS 0.58, `Instrument`, `Parameter` and `Station`; the snapshot's shape is QCoDeS' own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from qctl.client import Instrument, Lab
from qctl.errors import RequestError

try:
    from qcodes import validators
    from qcodes.instrument import Instrument as QcodesInstrument
    from qcodes.station import Station
except ImportError as problem:
    raise RequestError("qctl.integrations.qcodes needs QCoDeS: pip install qcodes") from problem

__all__ = ["QctlInstrument", "qcodes_station"]

_VALIDATORS: dict[str, Any] = {
    "float": validators.Numbers,
    "int": validators.Ints,
    "bool": validators.Bool,
    "str": validators.Strings,
    "list": lambda: validators.Lists(validators.Numbers()),
}


class QctlInstrument(QcodesInstrument):
    """One instrument of a lab, as its driver's parameters; the server keeps the link, the limits and the leases.

    A value outside the limits of lab.toml raises qctl's LimitError when it is set, and is never sent.

    Parameters
    ----------
    name : str
        Of the QCoDeS instrument.
    instrument : Instrument
        ``lab.instruments["lo_drive"]``.
    **kwargs
        For QCoDeS: ``metadata``, ``label``.
    """

    def __init__(self, name: str, instrument: Instrument, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self._instrument = instrument
        row = instrument.row
        self._identity = str(row["identity"])
        for entry in row["parameters"]:
            self._add(entry)

    def _add(self, entry: dict[str, Any]) -> None:
        name = entry["name"]
        self.add_parameter(
            name,
            label=entry["label"],
            unit=entry["unit"],
            get_cmd=partial(self._instrument.get, name),
            set_cmd=partial(self._instrument.set, name) if entry["settable"] else False,
            set_parser=float if entry["kind"] == "float" else None,
            vals=_VALIDATORS.get(entry["kind"], validators.Anything)(),
        )

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number and firmware, as the server has read them."""
        fields = [field.strip() or None for field in self._identity.split(",", 3)]
        return dict(zip(("vendor", "model", "serial", "firmware"), [*fields, None, None, None, None], strict=False))

    def snapshot_base(
        self, update: bool | None = False, params_to_skip_update: Sequence[str] | None = None
    ) -> dict[Any, Any]:
        """Return the state; an update asks for all parameters in one message."""
        if update:
            skipped = params_to_skip_update or ()
            for name, entry in self._instrument.snapshot()["parameters"].items():
                if name in self.parameters and name not in skipped:
                    self.parameters[name].cache.set(entry["value"])
        found: dict[Any, Any] = super().snapshot_base(update=False, params_to_skip_update=params_to_skip_update)
        return found

    def write_raw(self, cmd: str) -> None:
        """Send the instrument's own text, if its driver declares it."""
        self._instrument.raw(cmd)

    def ask_raw(self, cmd: str) -> str:
        """Return the answer to the instrument's own text, if its driver declares it."""
        answer = self._instrument.raw(cmd)
        return answer.decode("latin-1") if isinstance(answer, bytes) else answer or ""


def qcodes_station(lab: Lab, *names: str) -> Station:
    """Return a QCoDeS station with instruments of a lab, under their names in lab.toml.

    Parameters
    ----------
    lab : Lab
        From `qctl.connect`.
    *names : str
        Which instruments; none means all.
    """
    chosen = names or tuple(lab.instruments)
    return Station(*(QctlInstrument(name, lab.instruments[name]) for name in chosen))
