"""Ask who is there on a port that was just opened, when nothing that is still to come can be taken for the answer."""

from __future__ import annotations

import logging
import time
from contextlib import suppress

from qctl.errors import WireError
from qctl.instruments.links.life import LONGEST_SILENCE
from qctl.instruments.links.link import Dialect, Port
from qctl.instruments.links.silence import Silence
from qctl.instruments.links.visa_port import NO_WORDS, PortClosedError, check_echo

__all__ = ["LINE_BYTES", "misfit", "who_answers"]

LINE_BYTES = 4096
_LOG = logging.getLogger(__name__)


def who_answers(port: Port, dialect: Dialect, timeout_s: float, silence: Silence | None, where: str) -> str:
    """Return the identity, asked for when the line is silent.

    Parameters
    ----------
    port : Port
        Just opened.
    dialect : Dialect
        How the instrument is spoken to.
    timeout_s : float
        How long an answer may take.
    silence : Silence, optional
        What is known of a line that pairs nothing. After trouble the line is listened to on: behind an identity for
        one more time-out, where none came until it may come no more.
    where : str
        The address, for the log.

    Raises
    ------
    TimeoutError
        If no answer came in time; a LateAnswerError, if it came later.
    PortClosedError
        If the connection broke, or something came that is no answer.
    WireError
        If the answer is not dressed as it should be.
    """
    if dialect.greets:
        with suppress(TimeoutError):
            port.line(LINE_BYTES, dialect.wakes_s)
            port.unread()
    if silence is None:
        return _asked(port, dialect, timeout_s)
    end = dialect.answer_end.encode("ascii")
    _hush(port, silence, end)
    if (late := silence.told()) is not None:
        _LOG.warning("%s: %s", where, late)
    silence.ask(time.monotonic(), timeout_s, 1 + dialect.echoes)
    try:
        identity = _asked(port, dialect, timeout_s)
    except TimeoutError as error:
        _note(silence, error.args[0] if error.args else b"", end)
        if silence.troubled:
            _hush(port, silence, end)
            if (late := silence.told()) is not None:
                raise late from error
        raise
    except (PortClosedError, WireError):
        silence.came(time.monotonic(), 0)
        raise
    silence.paid(1 + dialect.echoes)
    if silence.troubled and (got := _behind(port, timeout_s)):
        _note(silence, got, end)
        raise PortClosedError(f"{got[:80]!r} came behind who it is: its answers are late, raise timeout_s")
    return identity


def misfit(identity: str, expected: tuple[str, str], before: str) -> str:
    """Return what is wrong with an identity; empty if its first fields begin as expected, and it is the one before."""
    fields = [field.strip().lower() for field in identity.split(",")] + ["", ""]
    if not (fields[0].startswith(expected[0].lower()) and fields[1].startswith(expected[1].lower())):
        return f"answers as {identity!r}, not as {', '.join(expected)}"
    if before and identity != before:
        return f"answers as {identity!r} since reconnecting, before as {before!r}"
    return ""


def _asked(port: Port, dialect: Dialect, timeout_s: float) -> str:
    asked = dialect.dressed(dialect.identity_query)
    port.send((asked,), timeout_s)
    if dialect.echoes:
        check_echo(port.line(LINE_BYTES, timeout_s), asked)
    return dialect.undressed(port.line(LINE_BYTES, timeout_s).decode("latin-1")).strip()


def _hush(port: Port, silence: Silence, end: bytes) -> None:
    """Listen until nothing is to come any more, and the line is quiet.

    Raises
    ------
    PortClosedError
        If it does not fall silent.
    """
    begin_s, n_bytes = time.monotonic(), 0
    while (left_s := silence.until_s - time.monotonic()) > 0:
        got = port.listen(left_s)
        n_bytes += len(got)
        _note(silence, got, end)
        if time.monotonic() > begin_s + (2 * LONGEST_SILENCE + 1) * silence.timeout_s:
            raise PortClosedError(f"the line does not fall silent: {n_bytes} bytes came that nobody asked for")


def _behind(port: Port, timeout_s: float) -> bytes:
    """Return what is said within a time; line ends alone, as of a line that ends in two characters, are nothing."""
    end_s = time.monotonic() + timeout_s
    while (left_s := end_s - time.monotonic()) > 0 and (got := port.listen(left_s)):
        if got.strip(NO_WORDS):
            return got
    return b""


def _note(silence: Silence, got: bytes, end: bytes) -> None:
    if end in got or got.strip(NO_WORDS):
        silence.came(time.monotonic(), got.count(end))
