"""A scenario file: TOML to a checked, frozen `Scenario`, with file and key in every refusal."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from qctl.errors import ParseError, QctlError, RequestError, error_codes
from qctl.hil.bench.known import Known, known_of, lacks
from qctl.hil.bench.outcome import plain
from qctl.hil.bench.steps import Clear, Expect, Fault, Get, Kill, Run, Seconds, Step, Times
from qctl.hil.labs.kinds import LABS, drawn, faults_of
from qctl.hil.plant.faults import FAULTS, FaultTable
from qctl.lab import read_lab
from qctl.lab.decoding import Problems, decode, join, refusal
from qctl.lab.rack_rules import unknown

__all__ = ["LabWanted", "Limits", "Scenario", "lab_wanted", "read_scenario", "shipped"]

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


_USUAL = LabWanted(virtual="transmon2")


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
    lab: LabWanted = _USUAL
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


def read_scenario(place: str | Path, lab: str | None = None) -> Scenario:
    """Read and check a scenario: a file, or the name of one that comes with qctl.

    Parameters
    ----------
    place : str or Path
        Which.
    lab : str, optional
        What it is to be played against, as of `lab_wanted`; empty for what the file says, or what is usual where it
        says nothing. Without it, names of a lab that the file does not mention are left to the bench that plays it.

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
    wanted: LabWanted | None
    if isinstance(found, Scenario):
        found = msgspec.structs.replace(found, file=str(path))
        steps: dict[int, Step] = dict(enumerate(found.steps))
        wanted = found.lab
    else:  # what can be read of it is judged all the same, so that all is told at once
        wanted, steps = _readable(raw)
    _check(raw, problems)
    if wanted is not None:
        wanted = lab_wanted(lab, wanted.seed, wanted.timeout_s) if lab else wanted
        _check_lab(wanted, path.parent, steps, problems, lab is not None or "lab" in raw)
    if problems.found:
        raise refusal([plain(f"{path.name}: {problem}") for problem in dict.fromkeys(problems.found)])
    scenario: Scenario = msgspec.structs.replace(found, lab=wanted)
    return scenario


def _readable(raw: dict[str, Any]) -> tuple[LabWanted | None, dict[int, Step]]:
    """Return what can be read of a scenario that is wrong: its lab, and its steps by their numbers."""
    wanted = decode(raw["lab"], LabWanted, Problems()) if "lab" in raw else _USUAL
    listed = raw.get("steps")
    steps = {k: decode(one, Step, Problems()) for k, one in enumerate(listed if isinstance(listed, list) else ())}
    right = {k: one for k, one in steps.items() if isinstance(one, Step)}
    return (wanted if isinstance(wanted, LabWanted) else None), right


def _check(raw: dict[str, Any], problems: Problems) -> None:
    """Note what is wrong beside lab and steps."""
    if raw.get("steps") == []:
        problems.add("steps", "there is none")
    limits = raw.get("limits")
    for kind in limits if isinstance(limits, dict) else ():
        if kind not in _ACTIONS:
            problems.add(join("limits", kind), f"is no kind of step; there are {', '.join(_ACTIONS)}")
    for key in ("name", "description"):
        _check_text(raw.get(key), key, problems)


def _check_text(text: Any, path: str, problems: Problems) -> None:
    if isinstance(text, str) and text != plain(text):
        problems.add(path, f"{plain(text)!r} has characters that no line can show")


def _check_lab(lab: LabWanted, folder: Path, steps: Mapping[int, Step], problems: Problems, all_names: bool) -> None:
    """Note what is wrong with the lab, and what the steps want of it that it has not."""
    named = [key for key in ("virtual", "file", "server", "record") if getattr(lab, key)]
    if len(named) != 1:
        problems.add("lab", f"names {' and '.join(named) or 'none'} of virtual, file, server and record; one is needed")
    if lab.virtual and lab.virtual not in LABS:
        problems.add("lab.virtual", f"{lab.virtual!r} is not one of {', '.join(LABS)}")
    faults: FaultTable | None = None
    known = Known()
    if len(named) == 1 and (not lab.virtual or lab.virtual in LABS):
        try:
            faults = faults_of(drawn(lab.virtual, lab.seed)) if lab.virtual else None
            file, record = (folder / lab.file if lab.file else None), (folder / lab.record if lab.record else None)
            known = known_of(lab.virtual, lab.seed, file, record) if all_names else known
        except QctlError as error:
            for problem in error.details.get("problems", [error.message]):
                problems.add(f"lab.{named[0]}", str(problem))
    for number, step in steps.items():
        _check_step(step, f"steps[{number}]", faults, problems)
    for number, step in steps.items():
        for path, text in lacks(known, step, f"steps[{number}]"):
            problems.add(path, text)


def _check_step(step: Step, path: str, faults: FaultTable | None, problems: Problems) -> None:
    _check_text(step.name, f"{path}.name", problems)
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
    if wanted.words and wanted.error is None:
        problems.add(f"{path}.words", "are an error's: name its code in error, too")
