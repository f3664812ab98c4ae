"""What a worker of the pool does for a job: parse, compile, lower; waveforms go to shared memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from qctl.errors import ParseError, RequestError
from qctl.lab import Lab, parse_lab
from qctl.lab.snapshot import Snapshot
from qctl.program.cache import Cache
from qctl.server.orders import BatchOrder, Load
from qctl.server.waveforms import WaveformFiles

if TYPE_CHECKING:
    from qctl.lowering import Lowered, Part
    from qctl.program.program import Program

__all__ = ["PrepareRequest", "Prepared", "Window", "make_ready", "pack_lowered", "parse_program", "prepare"]


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """All that decides what a job plays."""

    programs: tuple[tuple[str, bytes], ...]
    lab_toml: str
    qpu: str
    snapshot: Snapshot | None
    shots: int
    seed: int | None
    level: int
    averaged: bool | None
    waveforms: Path


@dataclass(frozen=True, slots=True)
class Window:
    """Where a recorder's records are in time, and which input each of their rows is."""

    delay_s: float
    inputs: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A job, ready for the hosts.

    Attributes
    ----------
    batches : tuple of BatchOrder
        In the order of playing.
    windows : tuple of mapping
        For each batch: recorder → window of its records.
    parts : tuple of Part
        One for each program: points, axes, bits, captures.
    report : tuple of dict
        Rows of the resource report.
    programs : tuple of dict
        For each program: layout, number of gates and pulses.
    times_s : dict
        Seconds of parse, compile and lower.
    """

    batches: tuple[BatchOrder, ...]
    windows: tuple[dict[str, Window], ...]
    parts: tuple[Part, ...]
    report: tuple[dict[str, Any], ...]
    programs: tuple[dict[str, Any], ...]
    times_s: dict[str, float]


@lru_cache(maxsize=4)
def _lab(text: str) -> Lab:
    return parse_lab(text)


def make_ready(lab_toml: str) -> None:
    """Import what compiles for a lab, and parse it, ahead of the first job."""
    from qctl.instruments.registry import MODELS, lowering_of

    import_module("qctl.lowering")
    for instrument in _lab(lab_toml).instruments.values():
        model = MODELS.get(instrument.model)
        if model is not None and model.family:
            lowering_of(instrument.model)


def parse_program(kind: str, content: bytes) -> Program:
    """Return the program that a client sent.

    Raises
    ------
    ParseError
        If the content can't be read.
    RequestError
        If the format is not known.
    """
    if kind == "qis":
        from qctl.program.program import Program

        return Program.from_bytes(content)
    if kind == "qasm":
        from qctl.circuit import Circuit

        try:
            text = content.decode()
        except UnicodeDecodeError as problem:
            raise ParseError(f"byte {problem.start} is not UTF-8") from problem
        return Circuit.from_qasm(text)
    raise RequestError(f"format {kind!r} is not known; known are qis, qasm")


def pack_lowered(
    lowered: Lowered, waveforms: WaveformFiles, programs: tuple[dict[str, Any], ...], times_s: dict[str, float]
) -> Prepared:
    """Return a lowered run as orders for the hosts; its waveforms become files."""
    batches, windows = [], []
    for batch in lowered.batches:
        loads, window = [], {}
        for program in batch.programs:
            digests = waveforms.put(program.blobs)
            loads.append(Load(program.instrument, program.model, program.body, digests, program.n_points))
            body = msgspec.msgpack.decode(program.body) if program.body else {}
            if "inputs" in body:
                window[program.instrument] = Window(float(body.get("delay_s", 0.0)), tuple(body["inputs"]))
        batches.append(
            BatchOrder(tuple(loads), batch.n_points, batch.first_point, batch.n_shots, batch.averaged, batch.period_s)
        )
        windows.append(window)
    report = tuple({"instrument": name, **msgspec.to_builtins(usage)} for name, usage in lowered.report)
    return Prepared(tuple(batches), tuple(windows), tuple(lowered.parts), report, programs, times_s)


_compiled = Cache(256_000_000)
"""Runs that this worker has lowered, by the content of all that decides them: a repeated job is not compiled again."""


class _Finished(NamedTuple):
    """A lowered run, and what is said of its programs."""

    lowered: Lowered
    described: tuple[dict[str, Any], ...]

    @property
    def n_bytes(self) -> int:
        """Return about how many bytes it holds."""
        programs = [program for batch in self.lowered.batches for program in batch.programs]
        return 10_000 + sum(program.n_bytes for program in programs)


def prepare(request: PrepareRequest) -> Prepared:
    """Parse, compile and lower the programs of a job; one that was lowered before is taken from the cache.

    Raises
    ------
    RequestError
        If a program can't be read, compiled or lowered, measures nothing, or is too large for the pool.
    """
    begin = perf_counter()
    content = msgspec.msgpack.encode(
        (
            request.programs, request.lab_toml, request.qpu, request.snapshot, request.shots, request.seed or 0,
            request.level, request.averaged,
        )
    )  # fmt: skip
    spent_s = {"parse": 0.0, "compile": 0.0}
    found = _compiled.get(
        blake2b(content).digest(), lambda: _finished(request, spent_s), lambda finished: finished.n_bytes
    )
    described = tuple(dict(one) for one in found.described)
    prepared = pack_lowered(found.lowered, WaveformFiles(request.waveforms), described, spent_s)
    spent_s["lower"] = perf_counter() - begin - spent_s["parse"] - spent_s["compile"]
    return prepared


def _finished(request: PrepareRequest, spent_s: dict[str, float]) -> _Finished:
    """Make what the cache keeps, and note the seconds of parsing and compiling."""
    from qctl.lowering import compile_job
    from qctl.server.extent import refuse_if_too_large

    lab = _lab(request.lab_toml)
    begin = perf_counter()
    programs = [parse_program(kind, content) for kind, content in request.programs]
    parsed = perf_counter()
    for program in programs:
        refuse_if_too_large(program, lab, request.snapshot, request.qpu or None, request.level)
    options = {
        "qpu": request.qpu or None, "n_shots": request.shots, "seed": request.seed or 0, "level": request.level,
        "averaged": request.averaged,
    }  # fmt: skip
    key = (request.lab_toml, *options.values())
    ready = compile_job(programs, lab, request.snapshot, key, **options)
    compiled = ready.outlines
    compiled_at = perf_counter()
    described = tuple(
        {
            "layout": list(one.layout),
            "final_layout": list(one.final_layout),
            "n_two_qubit_gates": one.n_two_qubit_gates,
            "n_pulses": one.n_pulses,
            "length_s": float(one.timeline.lengths_s.max()),
        }
        for one in compiled
    )
    spent_s.update({"parse": parsed - begin, "compile": compiled_at - parsed})
    return _Finished(ready.lowered, described)
