"""Confirm what was sent: the error queue after a setting, in the instrument's own words when it refuses.

Source: IEEE 488.2 and SCPI-1999 volume 2, SYSTem:ERRor[:NEXT]?.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from qctl.errors import DeviceError, RefusedError
from qctl.instruments.links.link import Link

__all__ = ["confirm", "confirm_and_ask", "drained_errors", "parsed_float", "parsed_int", "printable", "split_answers"]

_MAX_ERRORS = 64
_ERROR = "SYST:ERR?"
_QUOTED = re.compile(r""""[^"]*"|'[^']*'|;""")


def drained_errors(link: Link, first: str | None = None, query: str = "SYST:ERR?") -> list[str]:
    """Return what stands in the error queue, and empty it.

    Parameters
    ----------
    link : Link
        To the instrument.
    first : str, optional
        A reply to `query` that has already been read.
    query : str
        What asks for the next error; the reply is ``code,"text"`` with code 0 when there is none.
    """
    found: list[str] = []
    reply = link.query(query) if first is None else first
    while _code(link, reply) and len(found) < _MAX_ERRORS:
        found.append(reply)
        reply = link.query(query)
    return found


def confirm(link: Link, what: str, query: str = "SYST:ERR?") -> None:
    """Ask whether all that was sent has been accepted; one round trip when it has.

    Parameters
    ----------
    link : Link
        To the instrument.
    what : str
        What was sent, for the error.
    query : str
        What asks for the next error; a command may stand before it in the same message.

    Raises
    ------
    RefusedError
        With the instrument's own words, if not.
    """
    _refuse_if_error(link, what, link.query(query), query.rpartition(";")[2])


def confirm_and_ask(
    link: Link, what: str, queries: Sequence[str], timeout_s: float | None = None, errors: str = _ERROR
) -> list[str]:
    """Ask in one message whether all that was sent has been accepted, and something more; return what it answers.

    Parameters
    ----------
    link : Link
        To the instrument, which takes several queries in a message (IEEE 488.2, 6.3.2.2).
    what : str
        What was sent, for the error.
    queries : sequence of str
        In order; one of them is `errors`, and its answer is not returned.
    timeout_s : float, optional
        Longest wait for all answers together.
    errors : str
        What asks for the next error.

    Raises
    ------
    RefusedError
        With the instrument's own words, if not.
    DeviceError
        If there are more or fewer answers than queries.
    """
    answers = split_answers(link.query(_chained(queries), timeout_s))
    if len(answers) != len(queries):
        raise DeviceError(f"{link.name} gave {len(answers)} answers to {len(queries)} queries", instrument=link.name)
    _refuse_if_error(link, what, answers.pop(queries.index(errors)), errors)
    return answers


def _chained(queries: Sequence[str]) -> str:
    """Return queries as one message, each from the root of the command tree on."""
    return ";".join([queries[0], *(text if text[0] in ":*" else f":{text}" for text in queries[1:])])


def _refuse_if_error(link: Link, what: str, reply: str, query: str) -> None:
    if _code(link, reply):
        words = printable("; ".join(drained_errors(link, reply, query)))
        raise RefusedError(f"{link.name} refused {what}: {words}", instrument=link.name, words=words)


def _code(link: Link, reply: str) -> int:
    return parsed_int(link, reply.split(",", 1)[0], "an error code")


def parsed_int(link: Link, reply: str, what: str) -> int:
    """Return a reply as an int.

    Raises
    ------
    DeviceError
        If it is none.
    """
    try:
        return int(reply)
    except ValueError:
        raise DeviceError(f"{link.name} answered {reply!r} where {what} was due", instrument=link.name) from None


def parsed_float(link: Link, reply: str, what: str) -> float:
    """Return a reply as a float.

    Raises
    ------
    DeviceError
        If it is none, or not finite.
    """
    try:
        number = float(reply)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or "_" in reply:
        raise DeviceError(f"{link.name} answered {reply[:80]!r} where {what} was due", instrument=link.name)
    return number


def printable(words: str) -> str:
    """Return an instrument's own words with what a terminal would act upon escaped."""
    return words if words.isprintable() else words.encode("unicode_escape").decode("ascii")


def split_answers(reply: str) -> list[str]:
    """Return the answers to several queries of one message; a ``;`` between quotes parts nothing."""
    ends = [found.start() for found in _QUOTED.finditer(reply) if found[0] == ";"]
    return [reply[begin + 1 : end].strip() for begin, end in zip([-1, *ends], [*ends, len(reply)], strict=True)]
