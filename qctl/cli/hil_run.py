"""`qctl hil run`: play scenarios against a virtual or a real lab, with reports for CI and for people."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from qctl.hil.bench.outcome import StepOutcome
    from qctl.hil.bench.scenario import LabWanted, Scenario

__all__ = ["run_scenarios", "tune_up"]


def run_scenarios(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(help="Files, or names of scenarios that come with qctl.", metavar="SCENARIO..."),
    ] = None,
    lab: Annotated[
        str, typer.Option(help="Instead of what the files say: a lab.toml, tcp://host:port, or a built-in lab's name.")
    ] = "",
    junit: Annotated[Path | None, typer.Option(help="JUnit XML to write.")] = None,
    html: Annotated[Path | None, typer.Option(help="HTML report to write.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Play scenarios, and exit with 1 if one fails; without any, list those that come with qctl.

    Scenarios that want the same lab share it: it is started once, and has no faults between them.
    """
    from qctl.cli.app import end_refused, print_json
    from qctl.cli.screen import Screen
    from qctl.errors import RequestError
    from qctl.hil.bench.scenario import read_scenario, shipped

    if not scenarios:
        found = {name: read_scenario(path).description for name, path in shipped().items()}
        if as_json:
            print_json(found)
        else:
            sys.stdout.writelines(f"{name:<24} {text}\n" for name, text in found.items())
        return
    chosen: list[Scenario] = []
    problems: list[str] = []
    for place in scenarios:
        try:
            chosen.append(read_scenario(place, lab))
        except RequestError as error:
            problems += error.details.get("problems", [error.message])
        else:
            problems += _unready(chosen[-1])
    if problems:
        end_refused(RequestError(problems[0], problems=problems), as_json)
    for path in (junit, html):
        if path is not None and path.is_dir():
            raise RequestError(f"{path} is a folder, name a file")
    outcomes = _played(chosen, Screen(quiet=as_json))
    if junit is not None:
        from qctl.hil.bench.junit import junit_xml

        junit.parent.mkdir(parents=True, exist_ok=True)
        junit.write_text(junit_xml(outcomes), encoding="utf-8")
    rows = [one.to_dict() for one in outcomes]
    if html is not None:
        from qctl.report.bench import write_bench

        write_bench(rows, html)
    failed = [one for one in outcomes if not one.passed]
    if as_json:
        print_json({"passed": not failed, "scenarios": rows})
    for one in failed:
        for problem in one.all_problems:
            sys.stderr.write(f"{one.name}: {problem}\n")
    if failed:
        sys.stderr.write(f"qctl hil run: {len(failed)} of {len(outcomes)} scenarios failed\n")
        raise typer.Exit(1)


def _unready(scenario: Scenario) -> list[str]:
    """Return a sentence for each program that can't be read, and each node that no tune-up has."""
    from qctl.calibration.tuneup import NODES
    from qctl.errors import QctlError
    from qctl.formats.load import load, loads
    from qctl.hil.bench.steps import Calibrate, Run

    found = []
    for number, step in enumerate(scenario.steps):
        where = f"{Path(scenario.file).name}: steps[{number}]"
        strange = [name for name in step.nodes if name not in NODES] if isinstance(step, Calibrate) else []
        found += [f"{where}.nodes: {name!r} is none of {', '.join(NODES)}" for name in strange]
        if isinstance(step, Run):
            try:
                load(scenario.folder / step.file) if step.file else loads(step.program)
            except QctlError as error:
                found.append(f"{where}.{'file' if step.file else 'program'}: {error.message}")
    return found


def tune_up(lab: Any, qpu: str | None, nodes: Sequence[str] | None) -> None:
    """Tune up a processor, and raise a ScheduleError that names each value that was refused."""
    from qctl.calibration.tuneup import calibrate
    from qctl.errors import ScheduleError

    tuned = calibrate(lab, qpu, only=nodes)
    if not tuned.accepted:
        bad = [f"{o.node} {f.target}: {f.reason}" for o in tuned.outcomes for f in o.findings if not f.accepted]
        raise ScheduleError(f"the tune-up refused {', '.join(bad)}")


def _played(scenarios: Sequence[Scenario], screen: Any) -> list[Any]:
    """Play scenarios in order; neighbours that want the same lab share it, unless it is played from a record."""
    from qctl.errors import QctlError
    from qctl.hil.bench.bench import Bench, called
    from qctl.hil.bench.outcome import Outcome, plain

    outcomes = []
    with contextlib.ExitStack() as stack:
        have: tuple[LabWanted, Path] | None = None
        bench: Bench | None = None
        for scenario in scenarios:
            begin_s = time.time()
            want = (scenario.lab, Path() if scenario.lab.virtual else scenario.folder)
            try:
                if bench is None or have != want or scenario.lab.record:  # a record is played from its begin
                    stack.close()
                    bench, have = stack.enter_context(_bench(*want, screen)), want
                outcome = bench.play(scenario)
            except QctlError as error:
                stack.close()
                bench = None
                problems = [plain(str(text)) for text in error.details.get("problems", [error.message])]
                outcome = Outcome(scenario.name, scenario.file, called(scenario), begin_s, problems=problems)
            except KeyboardInterrupt:  # what was played before it is reported all the same
                outcomes.append(
                    Outcome(scenario.name, scenario.file, called(scenario), begin_s, problems=["interrupted"])
                )
                break
            outcomes.append(outcome)
            screen.say(f"{'passed' if outcome.passed else 'FAILED'}  {outcome.name}  {outcome.took_s:.1f} s")
    return outcomes


@contextlib.contextmanager
def _bench(wanted: LabWanted, folder: Path, screen: Any) -> Iterator[Any]:
    from qctl.hil.bench.bench import Bench
    from qctl.hil.bench.rack import open_lab

    def on_step(step: StepOutcome) -> None:
        screen.say(f"  {step.number:>3}  {step.took_s:8.3f} s  {step.title}{'  FAILED' if step.problems else ''}")

    with screen.step("start the lab"):
        lab = open_lab(wanted, folder)
    with lab:
        yield Bench(lab, tune_up, on_step)
