"""A scenario file: TOML to a checked, frozen `Scenario`, with file and key in every refusal."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from qctl.errors import ParseError, RequestError, error_codes
from qctl.hil.bench.steps import Clear, Expect, Fault, Get, Kill, Run, Seconds, Step, Times
from qctl.hil.labs.kinds import LABS, drawn, faults_of
from qctl.hil.plant.faults import FAULTS
from qctl.lab import read_lab
from qctl.lab.decoding import Problems, decode, join
from qctl.lab.rack_rules import unknown
from qctl.wire import Topic

__all__ = ["LabWanted", "Limits", "Scenario", "lab_wanted", "read_scenario", "shipped"]

_TOPICS = tuple(sorted(Topic))
_ACTIONS = tuple(kind.__struct_config__.tag for kind in Step.__args__)


class LabWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """What a scenario is played against: one of `virtual`, `file`, `server` and `record`.

    Attributes
    ----------
    virtual, seed, rate
        A built-in virtual lab, the seed of its hidden parameters, and lab seconds per wall second.
    file
        A lab.toml, beside the scenario; a server of the bench's own drives it.
    server
        Address of a server that runs.
    record, strict
        Folder of `qctl hil record`, beside the scenario; whether commands must come in the recorded order.
    timeout_s
        Time-out of every instrument, where it is not to be lab.toml's.
    """

    virtual: str = ""
    seed: int = 1
    rate: Annotated[float, Meta(ge=1e-3, le=1e6)] = 1000.0
    file: str = ""
    server: str = ""
    record: str = ""
    strict: bool = True
    timeout_s: Annotated[float, Meta(ge=1e-3, le=3600)] | None = None


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds on how long the steps of one kind take; jitter is the 99th percentile less the median."""

    p50_s: Seconds | None = None
    p99_s: Seconds | None = None
    max_s: Seconds | None = None
    jitter_s: Seconds | None = None


class Scenario(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is done to a lab, and what must come of it."""

    schema: Annotated[int, Meta(ge=1, le=1)]
    name: str
    description: str = ""
    repeats: Times = 1
    lab: LabWanted = LabWanted(virtual="transmon2")
    steps: Annotated[tuple[Step, ...], Meta(min_length=1)]
    limits: dict[str, Limits] = {}
    file: str = ""

    @property
    def folder(self) -> Path:
        """Return where the files are that the scenario names."""
        return Path(self.file).parent


def lab_wanted(place: str, seed: int = 1, timeout_s: float | None = None) -> LabWanted:
    """Return what a word of the command line stands for: a server's address, a built-in lab's name, or a lab.toml."""
    if place.startswith("tcp://"):
        return LabWanted(server=place)
    if place in LABS:
        return LabWanted(virtual=place, seed=seed, timeout_s=timeout_s)
    return LabWanted(file=str(Path(place).absolute()), timeout_s=timeout_s)


def shipped() -> dict[str, Path]:
    """Return the scenarios that come with qctl, by name."""
    folder = Path(str(files("qctl.hil"))) / "scenarios"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_scenario(place: str | Path) -> Scenario:
    """Read and check a scenario: a file, or the name of one that comes with qctl.

    Raises
    ------
    RequestError
        If it is not there, or says something that can't be; `details["problems"]` has all of it.
    ParseError
        If it is not TOML.
    """
    path = Path(place)
    if not path.is_file():
        path = shipped().get(str(place), path)
    if not path.is_file():
        raise RequestError(
            f"scenario {place} is no file, and none of those that come with qctl: {', '.join(shipped())}"
        )
    try:
        raw: dict[str, Any] = tomllib.loads(read_lab(path))
    except tomllib.TOMLDecodeError as error:
        raise ParseError(f"{path.name}: {error}") from error
    except (RecursionError, ValueError) as error:
        raise ParseError(f"{path.name}: can't be read: {str(error).partition(';')[0]}") from error
    problems = Problems()
    if "file" in raw:
        problems.add("file", "unknown key")
    found = decode(raw, Scenario, problems)
    if isinstance(found, Scenario) and not problems.found:
        _check(found, problems)
    if problems.found:
        said = [f"{path.name}: {problem}" for problem in problems.found]
        more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
        raise RequestError(said[0] + more, problems=said)
    scenario: Scenario = msgspec.structs.replace(found, file=str(path))
    return scenario


def _check(scenario: Scenario, problems: Problems) -> None:
    """Note what does not fit together."""
    lab = scenario.lab
    named = [key for key in ("virtual", "file", "server", "record") if getattr(lab, key)]
    if len(named) != 1:
        problems.add("lab", f"names {' and '.join(named) or 'none'} of virtual, file, server and record; one is needed")
    if lab.virtual and lab.virtual not in LABS:
        problems.add("lab.virtual", f"{lab.virtual!r} is not one of {', '.join(LABS)}")
    if not scenario.steps:
        problems.add("steps", "there is none")
    for kind in scenario.limits:
        if kind not in _ACTIONS:
            problems.add(join("limits", kind), f"is no kind of step; there are {', '.join(_ACTIONS)}")
    faults = faults_of(drawn(lab.virtual, lab.seed)) if lab.virtual in LABS else None
    for number, step in enumerate(scenario.steps):
        path = f"steps[{number}]"
        if isinstance(step, Fault) and step.fault in FAULTS and faults is not None:
            try:
                faults.put(step.fault, step.on, step.value)
            except RequestError as error:
                problems.add(path, error.message)
        if isinstance(step, Fault | Clear) and step.fault is not None and step.fault not in FAULTS:
            problems.add(f"{path}.fault", f"{step.fault!r} is not one of {', '.join(sorted(FAULTS))}")
        if isinstance(step, Run) and bool(step.program) == bool(step.file):
            problems.add(path, "a run needs either program or file")
        if isinstance(step, Kill) and not step.what:
            problems.add(f"{path}.what", 'is empty; it is an instrument or "server"')
        _check_expected(step, f"{path}.expect", problems)


def _check_expected(step: Step, path: str, problems: Problems) -> None:
    wanted: Expect = step.expect
    for name, chance in wanted.chance.items():
        if set(name) - {"0", "1"}:
            problems.add(join(f"{path}.chance", name), "is no bit string")
        if chance.min > chance.max:
            problems.add(join(f"{path}.chance", name), f"min = {chance.min:g} is above max = {chance.max:g}")
    if wanted.chance and not isinstance(step, Run):
        problems.add(f"{path}.chance", "only a run has counts")
    if wanted.unit is not None and not isinstance(step, Get):
        problems.add(f"{path}.unit", "only what is got has a unit")
    if wanted.min is not None and wanted.max is not None and wanted.min > wanted.max:
        problems.add(f"{path}.min", f"{wanted.min:g} is above max = {wanted.max:g}")
    if wanted.error is not None and wanted.error not in error_codes():
        problems.add(f"{path}.error", unknown("error code", wanted.error, sorted(error_codes())))
    if wanted.event is not None and wanted.event.topic.partition(".")[0] not in _TOPICS:
        topic = wanted.event.topic.partition(".")[0]
        problems.add(f"{path}.event.topic", f"no event is called {topic!r}; there are {', '.join(_TOPICS)}")
    if wanted.words and wanted.error is None:
        problems.add(f"{path}.words", "are an error's: name its code in error, too")
