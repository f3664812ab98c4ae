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
        self._outputs: dict[tuple[str, str, str], Limits] = {}
        for name, instrument in lab.instruments.items():
            if instrument.limits is not None:
                for parameter in instrument.limits.__struct_fields__:
                    bounds = getattr(instrument.limits, parameter)
                    if bounds is not None:
                        self._table[(name, parameter)] = Limits(*bounds)
            for parameter, rule in instrument.parameter.items():
                if rule.limits is not None:
                    self._table[(name, parameter)] = Limits(*rule.limits)
            for number, output in instrument.output.items():
                self._outputs[(name, f"output{number}", "v")] = Limits(*output.limits_v)
            for number, source in instrument.current.items():
                self._outputs[(name, f"output{number}", "a")] = Limits(*source.limits_a)

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
                found = self._of(name, parameter)
                try:
                    for item in value if isinstance(value, list | tuple) else (value,):
                        for limits in found:
                            limits.check(item, place)
                        if not found and isinstance(item, float) and not math.isfinite(item):
                            raise LimitError(f"{place} = {item} is not a finite number")
                except LimitError as error:
                    error.details["instrument"] = name
                    raise

    def _of(self, name: str, parameter: str) -> list[Limits]:
        """Return the ranges of a parameter; voltages and currents of an output (``output3_…_v``) have its own, too."""
        own = self._table.get((name, parameter))
        output = self._outputs.get((name, parameter.partition("_")[0], parameter.rpartition("_")[2]))
        return [limits for limits in (own, output) if limits is not None]
