"""What clients say, without sockets: each call yields a request, gets (reply, buffers), and returns a value.

The sync and the asyncio client carry the same calls over their own sockets.
"""

from __future__ import annotations

import getpass
import os
import secrets
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from importlib.metadata import version
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

import msgspec

from qctl import wire
from qctl.client.result import Result, result_from_reply
from qctl.errors import JobCancelledError, QctlError, RequestError, ScheduleError, error_from_wire

__all__ = ["Call", "Exchange"]

_SLICE_S = 10.0
_SHOWN_EVERY_S = 0.25


class Exchange(NamedTuple):
    """A request, its buffers, and how many seconds its answer may take beyond the usual."""

    request: wire.Head
    buffers: tuple[Any, ...] = ()
    extra_s: float = 0.0


Answer: TypeAlias = tuple[Any, wire.Parts]
Call: TypeAlias = Generator[Exchange, Answer, Any]


def hello(session: str = "") -> Call:
    """Introduce the client; return the server's welcome."""
    name = f"{getpass.getuser()}@{os.uname().nodename}:{os.getpid()}"
    reply, _ = yield Exchange(wire.Hello(name, version("qctl"), session))
    wire.check_release(version("qctl"), reply.release)
    return reply


def ping() -> Call:
    """Return the seconds of a round trip to the broker."""
    begin = time.perf_counter()
    yield Exchange(wire.Ping())
    return time.perf_counter() - begin


def describe() -> Call:
    """Return the lab's description."""
    reply, _ = yield Exchange(wire.Describe())
    return reply


def encode_program(program: Any) -> tuple[str, bytes]:
    """Return (format, content) of a program, a circuit, OpenQASM text, the bytes of a .qis file, or a file's path.

    Raises
    ------
    RequestError
        If it is none of these.
    """
    if isinstance(program, str):
        if program.endswith((".qasm", ".qis")):
            raise RequestError(f"{program!r} is taken as OpenQASM text; pass pathlib.Path({program!r}) to run the file")
        return "qasm", program.encode()
    if isinstance(program, bytes | bytearray | memoryview):
        return "qis", bytes(program)
    if isinstance(program, os.PathLike):
        from qctl.formats.load import load  # the readers take a while to load

        return "qis", load(program).to_bytes()
    if hasattr(program, "to_bytes") and not isinstance(program, int):
        return "qis", program.to_bytes()
    if type(program).__module__.partition(".")[0] == "qiskit":
        raise RequestError("a circuit of Qiskit is sent as text: pass qiskit.qasm3.dumps(circuit)")
    raise RequestError(f"a {type(program).__name__} is no program, circuit, OpenQASM text or .qis bytes")


def run(
    programs: Any,
    shots: int,
    qpu: str,
    seed: int | None,
    level: int,
    averaged: bool | None,
    keep_records: bool,
    name: str,
) -> Call:
    """Submit a job; return its number when it is durable. One that is stopped meanwhile is cancelled."""
    if not isinstance(shots, Integral) or isinstance(shots, bool):
        raise RequestError(f"shots = {shots!r} is not a whole number")
    for option, value, kind, words in (
        ("qpu", qpu, str, "a name"),
        ("seed", 0 if seed is None else seed, Integral, "a whole number or None"),
        ("level", level, Integral, "a whole number"),
        ("averaged", bool(averaged) if averaged is None else averaged, bool, "True, False or None"),
        ("name", name, str, "a name"),
    ):
        if not isinstance(value, kind):
            raise RequestError(f"{option} = {value!r} is not {words}")
    several = isinstance(programs, Sequence) and not isinstance(programs, str | bytes | bytearray | memoryview)
    items = list(programs) if several else [programs]
    if not items:
        raise RequestError("there is no program in the list")
    encoded = [encode_program(item) for item in items]
    request = wire.Submit(
        tuple(kind for kind, _ in encoded),
        int(shots),
        qpu,
        None if seed is None else int(seed),
        int(level),
        averaged,
        keep_records,
        name,
        secrets.token_hex(12),
    )
    submission = Exchange(request, tuple(content for _, content in encoded), extra_s=30.0)
    try:
        reply, _ = yield submission
    except (Exception, GeneratorExit):
        raise
    except BaseException as stop:
        yield from _give_up(stop, submission)
        raise
    return reply.job


def _give_up(stop: BaseException, asked: Exchange | int) -> Call:
    """Cancel the job of a call that Ctrl-C or a cancelled task has stopped.

    Parameters
    ----------
    stop : BaseException
        Gets a note of what became of the job.
    asked : Exchange or int
        The job's number, or the submission whose number is not yet known: its key gives the same job again.
    """
    try:
        if isinstance(asked, Exchange):
            reply, _ = yield asked
            job = reply.job
        else:
            job = asked
        reply, _ = yield Exchange(wire.Cancel(job))
    except QctlError as error:
        stop.add_note(f"the job could not be cancelled and may go on: {error.message}")
    else:
        state = reply.job["state"]
        became = f"had ended already: {state}" if state in ("done", "failed", "interrupted") else "was cancelled"
        stop.add_note(f"job {job} {became}")


def row(job: int) -> Call:
    """Return the row of a job."""
    reply, _ = yield Exchange(wire.Job(job))
    return reply.job


def rows(limit: int, state: str) -> Call:
    """Return the rows of the latest jobs."""
    reply, _ = yield Exchange(wire.Jobs(limit, state))
    return list(reply.jobs)


def result(job: int, timeout_s: float | None, partial: bool, on_wait: Callable[[str], object] | None = None) -> Call:
    """Wait for a result and return it; a wait that is stopped by other than an error cancels the job.

    Raises
    ------
    JobCancelledError
        If the job was cancelled and a partial result is not wanted, or there is none.
    ScheduleError
        If there is no result within the time.
    """
    until_s = None if timeout_s is None else time.monotonic() + timeout_s
    slice_s = _SLICE_S if on_wait is None else _SHOWN_EVERY_S
    try:
        while True:
            wait_s = slice_s if until_s is None else min(slice_s, max(0.0, until_s - time.monotonic()))
            reply, buffers = yield Exchange(wire.Result(job, wait_s), extra_s=wait_s)
            if isinstance(reply, wire.Finished):
                return _whole(result_from_reply(reply, buffers), partial)
            if until_s is not None and time.monotonic() >= until_s:
                text = f"job {job} is still {reply.state} after {timeout_s:g} s"
                raise ScheduleError(text, job=job, state=reply.state)
            if on_wait is not None:
                on_wait(reply.state)
    except (Exception, GeneratorExit):
        raise
    except BaseException as stop:
        yield from _give_up(stop, job)
        raise


def _whole(found: Result, partial: bool) -> Result:
    if found.partial and not partial:
        error = found.content.get("error")
        if error:
            raise error_from_wire(error["code"], error["message"], error["details"])
        raise JobCancelledError(f"job {found.job} was cancelled", job=found.job)
    return found


def cancel(job: int, force: bool) -> Call:
    """Cancel a job; return its row."""
    reply, _ = yield Exchange(wire.Cancel(job, force))
    return reply.job


def replay(job: int) -> Call:
    """Submit a job again; return the new number."""
    reply, _ = yield Exchange(wire.Replay(job), extra_s=30.0)
    return reply.job


def instruments() -> Call:
    """Return a row for each instrument."""
    reply, _ = yield Exchange(wire.Instruments())
    return list(reply.instruments)


def get(instrument: str, parameter: str, cached: bool) -> Call:
    """Return the value of a parameter."""
    reply, _ = yield Exchange(wire.Get(instrument, parameter, cached), extra_s=60.0)
    return reply.value


def set_many(values: Mapping[str, Mapping[str, Any]]) -> Call:
    """Set parameters; all limits are checked before the first is sent."""
    plain = {name: dict(settings) for name, settings in values.items()}
    yield Exchange(wire.Set(plain), extra_s=600.0)


def call(instrument: str, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Return what a driver's method returns."""
    reply, _ = yield Exchange(wire.Call(instrument, method, args, kwargs), extra_s=600.0)
    return reply.value


def raw(instrument: str, text: str, block: Any = None, timeout_s: float | None = None) -> Call:
    """Send an instrument's own text; return its answer, or None to a setting; bytes are a definite block."""
    buffers = () if block is None else (block,)
    longest_s = 600.0 + (timeout_s or 0.0)
    reply, answer = yield Exchange(wire.Raw(instrument, text, timeout_s), buffers, longest_s)
    return bytes(answer[0]) if answer else reply.value


def snapshot(instrument: str, update: bool) -> Call:
    """Return an instrument's parameters in the shape of a QCoDeS snapshot."""
    reply, _ = yield Exchange(wire.Snapshot(instrument, update), extra_s=60.0)
    return reply.value


def safe(names: Iterable[str]) -> Call:
    """Bring instruments to their safe state."""
    yield Exchange(wire.Safe(tuple(names)), extra_s=600.0)


def lease(names: Iterable[str], ttl_s: float, take_over: bool) -> Call:
    """Hold instruments; return when the lease ends without a sign of life."""
    reply, _ = yield Exchange(wire.Lease(tuple(names), ttl_s, take_over))
    return reply.expires_s


def give_back(names: Iterable[str]) -> Call:
    """End leases."""
    yield Exchange(wire.Release(tuple(names)))


def calibration(qpu: str) -> Call:
    """Return a processor's values in effect."""
    from qctl.lab.snapshot import Values

    reply, _ = yield Exchange(wire.Calibration(qpu))
    return msgspec.convert(reply.value, Values)


def write_snapshot(qpu: str, values: Mapping[str, Any], note: str) -> Call:
    """Write a calibration snapshot; return its number."""
    reply, _ = yield Exchange(wire.WriteSnapshot(qpu, msgspec.to_builtins(values), note))
    return reply.number
