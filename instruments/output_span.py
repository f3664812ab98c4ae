"""Keep amplitude and offset of an output together within its limits, in whatever order they are set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qctl.errors import LimitError
from qctl.instruments.settings import Settings
from qctl.lab import Instrument

__all__ = ["check_span", "planned_levels"]


def planned_levels(
    settings: Settings, instrument: Instrument, values: Mapping[str, Any], pending: Mapping[str, Any]
) -> dict[str, Any]:
    """Return settings in an order to make them in; nothing is sent but queries.

    An amplitude and an offset that are fine together change places if the first of them alone would leave the
    output's limits on the way. `pending` is what will have been set before.

    Parameters
    ----------
    settings : Settings
        With ``output<n>_amplitude_vpp`` and ``output<n>_offset_v``.
    instrument : Instrument
        Its entry in lab.toml.
    values, pending : mapping of str to value
        By parameter.

    Raises
    ------
    LimitError
        If the full scale of an output would leave its limits.
    """
    order = list(values)
    for number in instrument.output:
        pair = (f"output{number}_amplitude_vpp", f"output{number}_offset_v")
        asked = {name: settings.checked(name, values[name]) for name in order if name in pair}
        if not asked:
            continue
        names = list(asked)
        asked_for = [name for name in pair if name not in asked or len(asked) == len(pair)]
        held = {name: pending[name] if name in pending else settings.get(name) for name in asked_for}
        check_span(instrument, number, *((held | asked)[name] for name in pair))
        if len(asked) < len(pair):
            continue
        try:
            check_span(instrument, number, *((held | {names[0]: asked[names[0]]})[name] for name in pair))
        except LimitError:
            check_span(instrument, number, *((held | {names[1]: asked[names[1]]})[name] for name in pair))
            first, second = order.index(names[0]), order.index(names[1])
            order[first], order[second] = order[second], order[first]
    return {name: values[name] for name in order}


def check_span(instrument: Instrument, number: int, amplitude_vpp: float, offset_v: float) -> None:
    """Refuse an amplitude and an offset whose full scale would leave the output's limits.

    Raises
    ------
    LimitError
        If so.
    """
    low, high = instrument.output[number].limits_v
    if not (low <= offset_v - amplitude_vpp / 2 and offset_v + amplitude_vpp / 2 <= high):
        raise LimitError(
            f"{instrument.name}: output {number} would reach {offset_v - amplitude_vpp / 2:g} to "
            f"{offset_v + amplitude_vpp / 2:g} V, outside [{low:g}, {high:g}] V",
            instrument=instrument.name,
        )
