"""How long a line that pairs nothing stays silent after an answer that did not come: pure state, no port, no clock.

Lines of text and Modbus RTU have nothing that says which request an answer is to. So after a request without an answer
nothing else is asked until that answer has come and the line was quiet behind it for a time-out, or until
`LONGEST_SILENCE` more time-outs are over: an answer that is no later than that never stands for another one, whether
all are late or only some.
"""

from __future__ import annotations

import math
import os
from threading import Lock

from qctl.instruments.links.life import LONGEST_SILENCE
from qctl.lab.addresses import Address, parse_address

__all__ = ["LateAnswerError", "Silence", "serial_path", "silence_of"]

_GROWTH = 2.0


class LateAnswerError(TimeoutError):
    """Say that answers come, but too late; stays inside links."""


class Silence:
    """What is still to come on a line, or of one unit of it.

    Attributes
    ----------
    timeout_s : float
        How long an answer may take.
    lateness_s : float or None
        How long after its request the answer to the last one came, if that was too late.
    """

    __slots__ = ("_asked_s", "_came_s", "_limit_s", "_n_due", "_n_strikes", "_struck", "lateness_s", "timeout_s")

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.lateness_s: float | None = None
        self._asked_s = self._came_s = -math.inf
        self._limit_s = timeout_s
        self._n_due = self._n_strikes = 0
        self._struck = False

    def ask(self, now_s: float, limit_s: float, n_due: int = 1) -> None:
        """Note that a request is sent, and how many lines or frames are due within a time."""
        self._n_strikes += self._n_due > 0 and not self._struck
        self._asked_s, self._limit_s, self._n_due = now_s, limit_s, n_due
        self._struck, self.lateness_s = False, None

    def paid(self, n_lines: int = 1) -> None:
        """Note that lines came which were due, in time."""
        self._n_due = max(0, self._n_due - n_lines)

    def settle(self) -> None:
        """Note that a request was answered in time as it should be: what was before is forgotten."""
        self._n_due = self._n_strikes = 0
        self._came_s = -math.inf

    def came(self, now_s: float, n_lines: int) -> None:
        """Note that something came which is no answer in time, with so many whole lines or frames in it."""
        self._came_s = now_s
        late = now_s > self._asked_s + self._limit_s
        if (late or not self._n_due) and not self._struck:
            self._struck = True
            self._n_strikes += 1
            self.lateness_s = now_s - self._asked_s if late and self._n_due else None
        self.paid(n_lines)

    @property
    def until_s(self) -> float:
        """Return until when nothing may be asked; the time of quiet grows with each answer that was late."""
        n_doubled = min(max(0, self._n_strikes - 1), LONGEST_SILENCE)  # a unit may be off for months
        quiet_s = self.timeout_s * min(_GROWTH**n_doubled, LONGEST_SILENCE)
        owed_s = self._asked_s + self._limit_s + LONGEST_SILENCE * self.timeout_s if self._n_due else -math.inf
        return max(owed_s, self._came_s + quiet_s)

    @property
    def troubled(self) -> bool:
        """Say whether answers were late or missing since one came in time."""
        return self._n_strikes > 0

    def told(self) -> LateAnswerError | None:
        """Return what was measured of the last request as an error; None where no late answer was seen."""
        if self.lateness_s is None:
            return None
        return LateAnswerError(
            f"its answer came {self.lateness_s:.3g} s after the request, and timeout_s is {self.timeout_s:g}: "
            f"raise timeout_s"
        )


_SILENCES: dict[tuple[str, int], Silence] = {}
_LOCK = Lock()


def silence_of(address: str, timeout_s: float, unit: int = 0) -> Silence | None:
    """Return what this process knows of a serial line, or of a unit of it; None where addresses are none.

    It outlives ports and links: what is opened anew is the same line.
    """
    place = parse_address(address)
    if not isinstance(place, Address) or place.kind != "serial":
        return None
    with _LOCK:
        found = _SILENCES.setdefault((os.path.realpath(serial_path(place)), unit), Silence(timeout_s))
    found.timeout_s = timeout_s
    return found


def serial_path(place: Address) -> str:
    """Return the device file of a serial address."""
    return f"/dev/ttyS{int(place.host) - 1}" if place.host.isdigit() else place.host
