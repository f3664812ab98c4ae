"""How a device's clock runs beside the host's: offset, drift and round trip from exchanged times. Pure numbers.

Source: RFC 5905, section 8 (offset and delay of one exchange); of several exchanges the quickest are believed, and a
straight line through them is the drift. docs/firmware-protocol.md, section 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qctl.errors import RequestError

__all__ = ["ClockFit", "Exchange", "drift_between", "fit_clock"]

_BELIEVED = 0.25
"""Part of the exchanges, those of the smallest round trips, that a fit believes."""
_WORST_DRIFT = 1e-3
"""No clock drifts more: exchanges that lie so close together that they would tell less than this tell none."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request `clock` and its reply.

    Attributes
    ----------
    sent_ns, arrived_ns : int
        The host's times of request and reply.
    received_tick, replied_tick : int
        The device's times of them.
    """

    sent_ns: int
    arrived_ns: int
    received_tick: int
    replied_tick: int

    def round_trip_s(self, tick_hz: float) -> float:
        """Return the time on the way, there and back."""
        return (self.arrived_ns - self.sent_ns) * 1e-9 - (self.replied_tick - self.received_tick) / tick_hz


@dataclass(frozen=True, slots=True)
class ClockFit:
    """A device's clock by the host's: tick = tick_0 + (host - host_0) · tick_hz · (1 + drift).

    Attributes
    ----------
    host_0_ns : int
    tick_0 : float
        What the device's clock said then.
    tick_hz : float
        What its ticks should be.
    drift : float
        How much faster it runs than the host's clock; 1e-6 is one part in a million.
    round_trip_s : float
        The smallest that was seen.
    error_s : float
        Half of it, and how far believed exchanges are from the line: the offset is known to that.
    """

    host_0_ns: int
    tick_0: float
    tick_hz: float
    drift: float
    round_trip_s: float
    error_s: float

    def tick_at(self, host_ns: int) -> float:
        """Return what the device's clock says at a time of the host."""
        return self.tick_0 + (host_ns - self.host_0_ns) * 1e-9 * self.tick_hz * (1.0 + self.drift)

    def host_ns_at(self, tick: float) -> float:
        """Return the host's time at a tick of the device."""
        return self.host_0_ns + (tick - self.tick_0) / (self.tick_hz * (1.0 + self.drift)) * 1e9


def drift_between(first: Exchange, last: Exchange, tick_hz: float) -> tuple[float, float]:
    """Return how much faster a device's clock ran than the host's between two exchanges, and to what that is known.

    What is known is a bound, not a spread: a tick was taken at any time of its round trip.
    """
    took_s = (last.sent_ns + last.arrived_ns - first.sent_ns - first.arrived_ns) * 0.5e-9
    if took_s <= 0:
        return 0.0, 1.0
    counted = last.received_tick + last.replied_tick - first.received_tick - first.replied_tick
    known = (first.round_trip_s(tick_hz) + last.round_trip_s(tick_hz)) / 2 / took_s
    return counted / 2 / tick_hz / took_s - 1, abs(known)


def fit_clock(exchanges: Sequence[Exchange], tick_hz: float) -> ClockFit:
    """Return the line through the believed exchanges.

    Raises
    ------
    RequestError
        If there is no exchange.
    """
    if not exchanges:
        raise RequestError("a clock can't be fitted to no exchange of times")
    trips = np.array([exchange.round_trip_s(tick_hz) for exchange in exchanges])
    believed = np.argsort(trips, kind="stable")[: max(1, round(len(trips) * _BELIEVED))]
    host_0, tick_0 = exchanges[0].sent_ns, exchanges[0].received_tick
    middles = np.array([(one.sent_ns + one.arrived_ns) / 2 - host_0 for one in exchanges])[believed] * 1e-9
    ticks = np.array([(one.received_tick + one.replied_tick) / 2 - tick_0 for one in exchanges])[believed] / tick_hz
    slow = ticks - middles
    spread = middles - middles.mean()
    span = float(spread @ spread)
    least = float(trips.min())
    told = least < _WORST_DRIFT * float(np.ptp(middles))
    drift = float(spread @ slow) / span if told else 0.0
    offset = float(slow.mean() - drift * middles.mean())
    far = float(np.abs(slow - offset - drift * middles).max())
    return ClockFit(host_0, tick_0 + offset * tick_hz, tick_hz, drift, least, least / 2 + far)
