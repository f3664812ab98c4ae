"""The limits of lab.toml as a table of parameters, checked in the broker before a byte leaves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from qctl.errors import LimitError
from qctl.lab import Lab
from qctl.units import Limits

__all__ = ["LimitTable"]


class LimitTable:
    """(instrument, parameter) → range; NaN and infinities are outside everything."""

    def __init__(self, lab: Lab) -> None:
        self._table: dict[tuple[str, str], Limits] = {}
        for name, instrument in lab.instruments.items():
            if instrument.limits is not None:
                for parameter in instrument.limits.__struct_fields__:
                    bounds = getattr(instrument.limits, parameter)
                    if bounds is not None:
                        self._table[(name, parameter)] = Limits(*bounds)
            for number, output in instrument.output.items():
                self._table[(name, f"ch{number}_voltage_v")] = Limits(*output.limits_v)

    def check(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Check settings, all of them before any is sent.

        Parameters
        ----------
        values : mapping of instrument to mapping of parameter to value
            Settings.

        Raises
        ------
        LimitError
            Naming the first value that is outside; nothing has been sent.
        """
        for name, settings in values.items():
            for parameter, value in settings.items():
                place = f"{name}: {parameter}"
                limits = self._table.get((name, parameter))
                if limits is not None:
                    try:
                        limits.check(value, place)
                    except LimitError as error:
                        error.details["instrument"] = name
                        raise
                elif isinstance(value, float) and not math.isfinite(value):
                    raise LimitError(f"{place} = {value} is not a finite number", instrument=name)
