"""Find out what answers at an address, and how it wants to be spoken to; only identity queries are ever sent.

Each try has a connection of its own, so that half an answer to one question is never taken for the answer to the next.

Source: IEEE 488.2 section 10.14 (``*IDN?``), VISA addresses (VPP-4.3); other identity queries are those of the models
that say so (`registry.identity_queries`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from qctl.errors import RequestError
from qctl.instruments import registry
from qctl.instruments.links.link import SerialLine
from qctl.instruments.links.visa_port import PortClosedError, VisaPort
from qctl.lab.addresses import Address, parse_address
from qctl.lab.rack_rules import NAME

__all__ = ["Finding", "Trial", "lab_lines", "probe", "spelled"]

_ENDS = ("\n", "\r\n", "\r")
_LINES = (
    *(SerialLine(baud) for baud in (9600, 115_200)),
    SerialLine(57_600, 7, "odd"),
    *(SerialLine(baud) for baud in (57_600, 19_200, 38_400, 230_400, 460_800, 921_600, 4800, 2400, 1200)),
)
_MAX_ANSWER = 4096
_SHORTEST_S, _LONGEST_S = 0.1, 1.0
_PORTS = ("hislip0", "inst0", "5025", "7777", "4000", "23")


@dataclass(frozen=True, slots=True)
class Trial:
    """One question in one way, and what came back.

    Attributes
    ----------
    address : str
        Full VISA address.
    query, end : str
        What was sent.
    serial : SerialLine or None
        How a serial line was set.
    """

    address: str
    query: str
    end: str
    serial: SerialLine | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe found.

    Attributes
    ----------
    trial : Trial or None
        The question that was answered.
    identity : str
        The answer, without its end.
    answer_end : str
        What ended the answer.
    model : str
        Model of qctl's that it is, or empty.
    garbage : str
        What came instead of an identity, if anything did, as Python writes bytes.
    why : tuple of str
        Addresses that could not be opened, with the reason.
    n_tried : int
        Questions asked.
    """

    trial: Trial | None = None
    identity: str = ""
    answer_end: str = ""
    model: str = ""
    garbage: str = ""
    why: tuple[str, ...] = ()
    n_tried: int = 0


def spelled(text: str) -> tuple[str, ...]:
    """Return the VISA addresses that are meant: itself, ``host:port``, a serial device, or a host with usual ports.

    Raises
    ------
    RequestError
        If it is none of these.
    """
    if isinstance(parse_address(text), Address):
        return (text,)
    if text.startswith("/dev/") or text.upper().startswith("COM"):
        return (f"ASRL{text}::INSTR",)
    host, _, port = text.partition(":")
    if host and port.isdigit():
        found: tuple[str, ...] = (
            f"TCPIP::{host}::{port}::SOCKET",
            f"TCPIP::{host}::hislip0,{port}::INSTR",
        )
    elif host and not port and "::" not in text:
        found = tuple(f"TCPIP::{host}::{p}::{'SOCKET' if p.isdigit() else 'INSTR'}" for p in _PORTS)
    else:
        found = (text,)
    problem = parse_address(found[0])
    if isinstance(problem, str):
        raise RequestError(f"{problem}, nor HOST, HOST:PORT or a serial device")
    return found


def trials(addresses: Sequence[str], baud: int | None = None) -> Iterator[Trial]:
    """Yield questions, the likely ones first."""
    for address in addresses:
        parsed = parse_address(address)
        kind = parsed.kind if isinstance(parsed, Address) else ""
        if kind == "http":
            raise RequestError(f"{address} is no VISA address; what speaks HTTP has no identity query")
        lines: tuple[SerialLine | None, ...] = (None,)
        if kind == "serial":
            lines = (
                _LINES if baud is None else tuple(line for line in _LINES if line.baud == baud) or (SerialLine(baud),)
            )
        ends = _ENDS if kind in ("socket", "serial") else ("\n",)
        queries = registry.identity_queries() if kind == "socket" else ("*IDN?",)
        # What takes a line feed takes CR LF nearly always, and what wants CR LF takes nothing else.
        ends = ("\r\n", "\n", "\r") if kind == "serial" else ends
        yield from (Trial(address, query, end, line) for end in ends for line in lines for query in queries)


def probe(address: str, budget_s: float = 10.0, baud: int | None = None) -> Finding:
    """Ask who is there in every usual way, until one is answered or the time is over.

    Parameters
    ----------
    address : str
        VISA address, ``HOST``, ``HOST:PORT`` or serial device.
    budget_s : float
        Longest time in all.
    baud : int, optional
        Try only this speed of a serial line.

    Returns
    -------
    Finding
        Without `trial` if nothing answered with an identity.
    """
    end_s = time.monotonic() + budget_s
    todo = list(trials(spelled(address), baud))
    garbage, closed, n_tried = "", dict[str, str](), 0
    for place, trial in enumerate(todo):
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            break
        if trial.address in closed:
            continue
        wait_s = min(left_s, _LONGEST_S, max(_SHORTEST_S, left_s / (len(todo) - place)))
        try:
            answer = _ask(trial, wait_s, min(left_s, _LONGEST_S))
        except PortClosedError as problem:
            closed[trial.address] = " ".join(str(problem).split())
            continue
        n_tried += 1
        if answer.endswith(b"\r") and trial.end == "\r\n":  # it ends with CR alone, and so may like to be asked
            alone = replace(trial, end="\r")
            again = _ask(alone, wait_s, wait_s)
            trial, answer = (alone, again) if _identity(again) else (trial, answer)
        text = _identity(answer)
        if text:
            ends = "\r\n" if answer.endswith(b"\r\n") else "\n" if answer.endswith(b"\n") else "\r"
            return Finding(trial, text, ends, registry.model_that_is(text), n_tried=n_tried)
        garbage = garbage or (repr(answer)[1:].strip("'\"") if answer.strip(b"\0\r\n ") else "")
    return Finding(garbage=garbage, why=tuple(f"{a}: {why}" for a, why in closed.items()), n_tried=n_tried)


def _ask(trial: Trial, wait_s: float, open_s: float) -> bytes:
    """Return what answers one question on a new connection; nothing if nothing does.

    Raises
    ------
    PortClosedError
        If it can't be opened.
    """
    port = VisaPort(trial.address, open_s, trial.serial)
    got = b""
    try:
        port.send(((trial.query + trial.end).encode("ascii"),), wait_s)
        begin_s = time.monotonic()
        while not got.strip() and time.monotonic() - begin_s < wait_s:
            got = _line(port, wait_s)  # an empty line is a greeting
    except TimeoutError as error:
        late = error.args[0] if error.args and isinstance(error.args[0], bytes | bytearray) else b""
        got = bytes(late)
    finally:
        port.close()
    return got[:_MAX_ANSWER]


def _line(port: VisaPort, wait_s: float) -> bytes:
    """Return a line; a connection that is closed instead of an answer is no answer."""
    try:
        return port.line(_MAX_ANSWER, wait_s)
    except PortClosedError:
        return b"\0"


def _identity(answer: bytes) -> str:
    """Return an answer that can be an identity: a line of printable ASCII that names something."""
    try:
        text = answer.decode("ascii").strip()
    except UnicodeDecodeError:
        return ""
    usual = text.count(",") >= 2 or registry.model_that_is(text)
    return text if usual and text.isprintable() and any(map(str.isalpha, text)) else ""


def lab_lines(finding: Finding, name: str) -> str:
    """Return what to paste into lab.toml; empty without an answer.

    What the model must be told besides is there as comments.

    Raises
    ------
    RequestError
        If the name is none that lab.toml takes.
    """
    if not NAME.fullmatch(name):
        raise RequestError(f"{name!r} is no name for lab.toml: letters, digits and _, a letter first")
    trial = finding.trial
    if trial is None:
        return ""
    lines = [f"[instruments.{name}]"]
    if finding.model:
        lines.append(f'model = "{finding.model}"')
    else:
        lines.append(
            '# model = ""    # qctl has no driver for it: host one with "qcodes:..." or "pymeasure:...", or declare it'
        )
    lines.append(f"address = {json.dumps(trial.address)}")
    if trial.serial is not None:
        lines.append(f"baud = {trial.serial.baud}")
    needs = registry.needs_of(finding.model) if finding.model else ()
    lines += [f"# {line}" for line in needs]
    return "\n".join(lines)
