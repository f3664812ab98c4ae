"""The sync client: a lab, its jobs and its instruments over one blocking socket."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import zmq

from qctl import wire
from qctl.client import calls
from qctl.client.heartbeat import Heartbeat
from qctl.client.instrument import Instrument, Instruments, Lease
from qctl.client.link import Link
from qctl.client.reach import WAIT_S
from qctl.client.result import Result
from qctl.errors import RequestError, ScheduleError, WireError
from qctl.lab import Lab as LabDescription
from qctl.lab import parse_lab, processor_meant

__all__ = ["DEFAULT_ADDRESS", "Instrument", "Job", "Lab", "Lease", "connect", "heard"]

DEFAULT_ADDRESS = "tcp://127.0.0.1:5650"


class Job:
    """One job of a lab; made by `Lab.run` and `Lab.job`."""

    def __init__(self, lab: Lab, number: int) -> None:
        self._lab = lab
        self.id = number

    def __repr__(self) -> str:
        return f"<Job {self.id}>"

    @property
    def row(self) -> dict[str, Any]:
        """Ask for the job's row: state, times, error."""
        found: dict[str, Any] = self._lab.carry(calls.row(self.id))
        return found

    @property
    def state(self) -> str:
        """Ask for the job's state."""
        return str(self.row["state"])

    def result(
        self,
        timeout_s: float | None = None,
        partial: bool = False,
        on_wait: Callable[[str], object] | None = None,
    ) -> Result:
        """Wait for the result; Ctrl-C cancels the job, and the KeyboardInterrupt has a note that says so.

        Parameters
        ----------
        timeout_s : float, optional
            Longest wait; None waits for ever. When it is up, the job goes on.
        partial : bool
            Accept what a cancelled or failed job has finished, instead of raising its error.
        on_wait : callable, optional
            Called with the job's state, about four times a second.

        Raises
        ------
        QctlError
            What the job failed with, or ScheduleError when time is up.
        """
        found: Result = self._lab.carry(calls.result(self.id, timeout_s, partial, on_wait))
        return found

    def cancel(self, force: bool = False) -> None:
        """Cancel the job: outputs go to their safe state, finished shots are kept and marked partial.

        Parameters
        ----------
        force : bool
            Cancel it although it belongs to another user.

        Raises
        ------
        NotAllowedError
            If it belongs to another user, without `force`.
        """
        self._lab.carry(calls.cancel(self.id, force))


class Lab:
    """A connection to a server; methods may be called from several threads, one at a time.

    Parameters
    ----------
    address : str
        Of the server.
    timeout_s : float
        Longest wait for an answer that should come at once.
    wait_s : float
        How long a server that is just starting may take to listen.
    """

    def __init__(self, address: str, timeout_s: float = 10.0, wait_s: float = WAIT_S) -> None:
        self.address = address
        self._link = Link(address, timeout_s, wait_s)
        self._described: wire.Lab | None = None
        self._description: LabDescription | None = None
        self._beat = Heartbeat(self.ping, self._link)
        try:
            self.ping()
        except BaseException:
            self._link.close()
            raise

    def carry(self, call: calls.Call) -> Any:
        """Carry a call's requests to the server, and return its value."""
        return self._link.carry(call)

    # -- jobs ------------------------------------------------------------------------------------

    def run(
        self,
        program: Any,
        shots: int = 1000,
        qpu: str = "",
        seed: int | None = None,
        level: int = 2,
        averaged: bool | None = None,
        keep_records: bool = False,
        name: str = "",
    ) -> Job:
        """Submit a job; return when it is durable, before it has run. Ctrl-C meanwhile cancels it.

        Parameters
        ----------
        program : Program, Circuit, str, bytes, pathlib.Path, or a list of these
            What to play; text is OpenQASM, bytes are a .qis file, a path is a file of either.
        shots : int
            Shots of each sweep point.
        qpu : str
            Processor; the lab's first by default.
        seed : int, optional
            Of layout and routing.
        level : int
            Of layout and routing: 0 starts from the circuit's numbers, 1 searches a layout; 2 and 3 act as 1.
        averaged : bool, optional
            Let the digitizer average; by default it does when no capture sets a bit.
        keep_records : bool
            Keep the digitizer's records with the result.
        name : str
            For people.
        """
        call = calls.run(program, shots, qpu, seed, level, averaged, keep_records, name)
        return Job(self, self.carry(call))

    def job(self, number: int) -> Job:
        """Return a job by its number."""
        self.carry(calls.row(number))
        return Job(self, number)

    def jobs(self, limit: int = 50, state: str = "") -> list[dict[str, Any]]:
        """Return the rows of the latest jobs, newest first."""
        found: list[dict[str, Any]] = self.carry(calls.rows(limit, state))
        return found

    def replay(self, number: int) -> Job:
        """Submit a job again as a new one."""
        return Job(self, self.carry(calls.replay(number)))

    # -- the lab ---------------------------------------------------------------------------------

    def ping(self) -> float:
        """Return the seconds of a round trip to the broker."""
        return float(self.carry(calls.ping()))

    @property
    def description(self) -> LabDescription:
        """Return lab.toml as the server reads it."""
        if self._description is None:
            self._description = parse_lab(self._lab_row().toml)
        return self._description

    def _lab_row(self) -> wire.Lab:
        if self._described is None:
            self._described = self.carry(calls.describe())
        return self._described

    @property
    def name(self) -> str:
        """Return the lab's name."""
        return self._lab_row().name

    @property
    def processors(self) -> dict[str, Any]:
        """Return the processors of lab.toml by name."""
        return dict(self.description.processors)

    @property
    def instruments(self) -> dict[str, Instrument]:
        """Return the instruments by name; a name that is not there is a RequestError."""
        return Instruments({name: Instrument(self, name) for name in self._lab_row().instruments})

    def instrument_rows(self) -> list[dict[str, Any]]:
        """Ask for model, address, link and parameters of every instrument."""
        found: list[dict[str, Any]] = self.carry(calls.instruments())
        return found

    def set_many(self, values: Mapping[str, Any]) -> None:
        """Set parameters of several instruments; all limits are checked before the first is sent.

        Parameters
        ----------
        values : mapping
            ``{"lo_drive": {"power_dbm": -10}}``, or flat: ``{"lo_drive.power_dbm": -10}``.
        """
        self.carry(calls.set_many(nested(values)))

    def safe(self, *instruments: str) -> None:
        """Bring instruments, or all, to their safe state."""
        self.carry(calls.safe(instruments))

    def lease(self, instruments: str | Iterable[str], ttl_s: float = 10.0, take_over: bool = False) -> Lease:
        """Keep others from setting instruments, and their jobs from playing on them.

        A thread keeps the lease until `release`, `close`, or the end of a ``with`` block. While it lasts, runs of this
        client leave what it set on these instruments as it is; see docs/existing-scripts.md.

        Parameters
        ----------
        instruments : str or iterable of str
            Names of one or several.
        ttl_s : float
            How long the lease outlives the last sign of life.
        take_over : bool
            End the lease of somebody else.
        """
        names = (instruments,) if isinstance(instruments, str) else tuple(instruments)
        expires_s = float(self.carry(calls.lease(names, ttl_s, take_over)))
        self._beat.add(names, ttl_s)
        return Lease(self, names, expires_s)

    def release(self, *instruments: str) -> None:
        """End leases, or all of this client."""
        self._beat.remove(instruments)
        self.carry(calls.give_back(instruments))

    def calibration(self, qpu: str = "") -> Any:
        """Return a processor's values in effect: design values under the newest snapshot."""
        return self.carry(calls.calibration(processor_meant(self.processors, f"lab {self.name}", qpu, first=True)))

    def write_snapshot(self, qpu: str, values: Mapping[str, Any], note: str = "") -> int:
        """Write a numbered calibration snapshot of `values` over those in effect; return its number."""
        return int(self.carry(calls.write_snapshot(qpu, values, note)))

    def events(self, *topics: str, timeout_s: float | None = None) -> Iterator[wire.Event]:
        """Yield events as they are published; end when none comes for `timeout_s`.

        Parameters
        ----------
        *topics : str
            Beginnings of topics: ``job.``, ``progress.12``, ``link.awg0``; none means all.
        timeout_s : float, optional
            Longest wait for one event; None waits for ever.
        """
        return _until_silence(_heard(self._link, _subscribed(self._link, topics), timeout_s))

    def close(self) -> None:
        """End this client's leases and close the connection."""
        try:
            if self._beat.remove():
                with contextlib.suppress(WireError, ScheduleError):
                    self.release()
        finally:
            self._link.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def heard(lab: Lab, silence_s: float) -> Iterator[wire.Event | None]:
    """Yield all events as they are published, and None when none has come for `silence_s`; none is missed between."""
    return _heard(lab._link, _subscribed(lab._link, ()), silence_s)


def _subscribed(link: Link, topics: tuple[str, ...]) -> zmq.Socket[Any]:
    socket: zmq.Socket[Any] = link.sockets.open(zmq.SUB)
    for topic in topics or ("",):
        socket.subscribe(topic)
    socket.connect(link.events)
    return socket


def _heard(link: Link, socket: zmq.Socket[Any], silence_s: float | None) -> Iterator[wire.Event | None]:
    wait_ms = None if silence_s is None else round(1e3 * silence_s)
    try:
        while True:
            yield wire.unpack_event(socket.recv_multipart()) if socket.poll(wait_ms) else None
    finally:
        link.sockets.close(socket)


def _until_silence(events: Iterator[wire.Event | None]) -> Iterator[wire.Event]:
    for event in events:
        if event is None:
            return
        yield event


def nested(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return settings by instrument, from nested mappings or flat ``instrument.parameter`` keys."""
    by_name: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            by_name.setdefault(key, {}).update(value)
            continue
        name, dot, parameter = key.partition(".")
        if not dot:
            raise RequestError(f"{key!r} names no parameter; write instrument.parameter")
        by_name.setdefault(name, {})[parameter] = value
    return by_name


def connect(address: str = DEFAULT_ADDRESS, timeout_s: float = 10.0, wait_s: float = WAIT_S) -> Lab:
    """Connect to a server.

    Parameters
    ----------
    address : str
        As `qctl serve` prints it.
    timeout_s : float
        Longest wait for an answer that should come at once.
    wait_s : float
        How long a server that is just starting may take to listen.

    Raises
    ------
    WireError
        If nothing listens or answers there.
    VersionError
        If client and server don't fit; the message names both and the remedy.
    """
    return Lab(address, timeout_s, wait_s)
