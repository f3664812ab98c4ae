"""Plays a scenario: does each step, judges what comes of it, and keeps its times."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from qctl.errors import QctlError, RequestError
from qctl.hil.bench.judging import is_wanted, judge_chance, judge_error, judge_limits, judge_value
from qctl.hil.bench.known import Known, lacks
from qctl.hil.bench.outcome import Outcome, StepOutcome, plain
from qctl.hil.bench.rack import BenchLab
from qctl.hil.bench.scenario import Scenario
from qctl.hil.bench.steps import (
    Calibrate,
    Call,
    Clear,
    Expect,
    Fault,
    Get,
    Kill,
    Raw,
    Restart,
    Run,
    Set,
    Step,
    Wait,
)
from qctl.hil.bench.watch import Answering, Events
from qctl.lab.decoding import refusal
from qctl.wire import Topic

__all__ = ["Bench", "TuneUp", "called"]

TuneUp = Callable[[Any, str | None, Sequence[str] | None], Any]
"""Tunes up a processor of a lab by nodes, and raises a QctlError if a value is refused."""
_PAUSE_S = 0.02
_TOLD_S = 0.5
"""A replay tells of a command that differs before the link ends, by another way that may take so much longer."""


class Bench:
    """A lab, and what plays scenarios against it.

    Parameters
    ----------
    lab : BenchLab
        What is played against; others may be using it.
    tune_up : callable, optional
        Does the steps `calibrate`; they are refused without it.
    on_step : callable, optional
        Told of every step that has ended.
    """

    def __init__(
        self, lab: BenchLab, tune_up: TuneUp | None = None, on_step: Callable[[StepOutcome], None] | None = None
    ) -> None:
        self.lab = lab
        self._tune_up = tune_up
        self._on_step = on_step
        self._units: dict[tuple[str, str], str] = {}

    def play(self, scenario: Scenario) -> Outcome:
        """Play a scenario, and leave the lab without faults and with every link up; a lab of a record is used up.

        Raises
        ------
        RequestError
            If it asks for what this lab has not, or for faults of a real one; nothing was done then.
        """
        self._check(scenario)
        outcome = Outcome(scenario.name, scenario.file, called(scenario), time.time())
        begin_s = time.monotonic()
        events = Events(self.lab.address)
        try:
            previous_s = begin_s
            for repetition in range(1, scenario.repeats + 1):
                for number, step in enumerate(scenario.steps, start=1):
                    kind = _kind(step)
                    title = plain(step.name or _title(step))
                    row = StepOutcome(number, repetition, kind, title, time.monotonic() - begin_s)
                    outcome.steps.append(row)
                    now_s = time.monotonic()
                    self._step(scenario, step, row, outcome, events, previous_s if isinstance(step, Wait) else now_s)
                    previous_s = now_s
                    row.took_s = time.monotonic() - now_s
                    if self.lab.replays:
                        row.problems += self.lab.new_differences(_TOLD_S if row.problems else 0.0)
                    row.said, row.problems = plain(row.said), [plain(text) for text in row.problems]
                    self._note_fault(step, outcome, row)
                    if self._on_step is not None:
                        self._on_step(row)
                    if row.problems and isinstance(step, Restart | Kill | Fault):
                        raise RequestError(f"step {number} failed, and those after it need it")
                    if self.lab.replays and self.lab.rack_ended():
                        raise RequestError(f"the replay ended with step {number}, and those after it need it")
            outcome.problems += judge_limits(scenario, outcome)
        except QctlError as error:
            outcome.problems.append(error.message)
        finally:
            outcome.took_s = time.monotonic() - begin_s
            outcome.faults = [(a, b if b >= 0 else outcome.took_s, name) for a, b, name in outcome.faults]
            events.close()
            for at_s, event in events.since(begin_s):
                if event.topic.startswith(f"{Topic.LINK}."):
                    outcome.changes.append((at_s - begin_s, event.body["instrument"], event.body["state"]))
        outcome.problems += self._leave()
        outcome.problems = [plain(text) for text in outcome.problems]
        return outcome

    def _leave(self) -> list[str]:
        """Leave the lab as others want it, and return what is wrong with it."""
        if self.lab.replays:
            self.lab.end_replay()
            return self.lab.new_differences()
        try:
            self.lab.make_ready()
        except QctlError as error:
            return [f"after the scenario: {error.message}"]
        return []

    # -- before ----------------------------------------------------------------------------------

    def _check(self, scenario: Scenario) -> None:
        """Refuse what this lab has not before anything is done to it."""
        if self.lab.replays and (ended := self.lab.rack_ended()):
            raise RequestError(ended)
        described = self.lab.client.description
        known = Known(tuple(described.instruments), tuple(described.processors), tuple(self.lab.processes()))
        where = Path(scenario.file).name
        found: list[str] = []
        for number, step in enumerate(scenario.steps):
            lacking = [*lacks(known, step, f"steps[{number}]"), *self._lacks(known, step, f"steps[{number}]")]
            found += [f"{where}: {path}: {text}" for path, text in lacking]
        if found:
            raise refusal(found)

    def _lacks(self, known: Known, step: Step, path: str) -> Iterator[tuple[str, str]]:
        """Yield what only a lab that runs can be asked for."""
        if isinstance(step, Set | Get) and step.instrument in (known.instruments or ()):
            has = self._parameters(step.instrument)
            if has and step.parameter not in has:
                yield f"{path}.parameter", f"{step.instrument} has no {step.parameter!r}; it has {', '.join(has)}"
        if isinstance(step, Calibrate) and self._tune_up is None:
            yield path, "this bench was made without a tune-up"
        if isinstance(step, Fault) and not self.lab.plant:
            where = f" on {step.on}" if step.on else ""
            text = f"fault {step.fault}{where} can't be made: this lab is real (no virtual lab of this machine stands"
            yield path, f"{text} behind it)"

    def _parameters(self, instrument: str) -> list[str]:
        """Return what can be got from an instrument or set; nothing where its link has never been up."""
        return [str(row["name"]) for row in self.lab.client.instruments[instrument].parameters]

    # -- a step ----------------------------------------------------------------------------------

    def _step(
        self, scenario: Scenario, step: Step, row: StepOutcome, outcome: Outcome, events: Events, since_s: float
    ) -> None:
        """Do a step as often as it says, and judge it."""
        wanted = step.expect
        begin_s = time.monotonic()
        watch = None
        if wanted.undisturbed:
            watch = Answering(self.lab.address, wanted.undisturbed, wanted.undisturbed_s)
        try:
            for _ in range(step.repeat):
                if problems := self._once(scenario, step, row, outcome):
                    row.problems += problems
                    break
            took_s = time.monotonic() - begin_s
            if wanted.takes_s is not None and took_s > wanted.takes_s:
                row.problems.append(f"it took {took_s:.3f} s, more than {wanted.takes_s:g} s")
            row.problems += self._await(wanted, begin_s, since_s, events)
        finally:
            if watch is not None:
                row.problems += watch.close()

    def _once(self, scenario: Scenario, step: Step, row: StepOutcome, outcome: Outcome) -> list[str]:
        error: QctlError | None = None
        value: Any = None
        begin_s = time.perf_counter()
        try:
            value = self._do(scenario, step)
        except QctlError as found:
            error = found
        outcome.times_s.setdefault(row.kind, []).append(time.perf_counter() - begin_s)
        problems = judge_error(step.expect, error)
        if error is not None:
            row.said = f"{error.code}: {error.message}"
            return problems
        if isinstance(step, Run):
            row.said = str(value) if isinstance(value, dict) else ""
            return problems + judge_chance(step.expect.chance, value)
        unit = self._unit(step) if isinstance(step, Get) else ""
        row.said = "" if value is None else f"{value} {unit}".strip()
        return problems + judge_value(step.expect, value, unit)

    def _do(self, scenario: Scenario, step: Step) -> Any:
        """Do a step once, and return what it brings."""
        lab = self.lab
        match step:
            case Set():
                lab.client.instruments[step.instrument].set(step.parameter, step.value)
            case Get():
                return lab.client.instruments[step.instrument].get(step.parameter)
            case Call():
                return lab.client.instruments[step.instrument].call(step.method, *step.arguments)
            case Raw():
                return lab.client.instruments[step.instrument].raw(step.text)
            case Run():
                return self._run(scenario, step)
            case Calibrate() if self._tune_up is not None:
                self._tune_up(lab.client, step.qpu or None, step.nodes or None)
            case Wait():
                time.sleep(step.seconds)
            case Fault():
                lab.set_fault(step.fault, step.on, step.value)
            case Clear():
                lab.clear_faults(step.fault, step.on)
            case Kill():
                lab.kill(step.what)
            case Restart():
                lab.restart()
        return None

    def _run(self, scenario: Scenario, step: Run) -> Any:
        program = scenario.folder / step.file if step.file else step.program
        job = self.lab.client.run(program, shots=step.shots, seed=step.seed, qpu=step.qpu)
        result = job.result(step.timeout_s)
        return None if result[0].averaged else result[0].content["counts"]

    def _await(self, wanted: Expect, begin_s: float, since_s: float, events: Events) -> list[str]:
        """Wait for links and an event."""
        end_s = begin_s + wanted.within_s
        found: list[str] = []
        while wanted.link or wanted.event:
            found = []
            if wanted.link:
                states = self.lab.links()
                found = [
                    f"{name} is {states[name]} {wanted.within_s:g} s after the step's begin, expected {state}"
                    for name, state in wanted.link.items()
                    if states[name] != state
                ]
            event = wanted.event
            if event is not None and not any(is_wanted(event, one) for _, one in events.since(since_s)):
                holds = "".join(f", {key} = {value}" for key, value in event.holds.items())
                words = "".join(f", {key} with {part!r}" for key, part in event.words.items())
                found.append(f"no event {event.topic}{holds}{words} came within {wanted.within_s:g} s")
            if not found or time.monotonic() > end_s:
                break
            time.sleep(_PAUSE_S)
        return found

    def _unit(self, step: Get) -> str:
        key = (step.instrument, step.parameter)
        if key not in self._units:
            rows = self.lab.client.instruments[step.instrument].parameters
            self._units[key] = next((str(row["unit"]) for row in rows if row["name"] == step.parameter), "")
        return self._units[key]

    def _note_fault(self, step: Step, outcome: Outcome, row: StepOutcome) -> None:
        """Note from when to when faults were set; -1 stands for an end that has not come."""
        if isinstance(step, Fault):
            outcome.faults.append((row.begin_s, -1.0, plain(f"{step.fault} on {step.on or 'its usual place'}")))
        if isinstance(step, Clear):
            outcome.faults = [
                (a, row.begin_s if b < 0 and (step.fault or name).split(" ")[0] == name.split(" ")[0] else b, name)
                for a, b, name in outcome.faults
            ]


def _kind(step: Step) -> str:
    return str(step.__struct_config__.tag)


def called(scenario: Scenario) -> str:
    """Return what people call the lab that a scenario is played against."""
    lab = scenario.lab
    return f"{lab.virtual}, seed {lab.seed}" if lab.virtual else lab.file or lab.server or lab.record


def _title(step: Step) -> str:
    match step:
        case Set():
            return f"set {step.instrument}.{step.parameter} = {step.value}"
        case Get():
            return f"get {step.instrument}.{step.parameter}"
        case Call():
            return f"call {step.instrument}.{step.method}"
        case Raw():
            return f"raw {step.instrument} {step.text}"
        case Run():
            return f"run {step.file or 'a program'}, {step.shots} shots"
        case Calibrate():
            return f"calibrate {', '.join(step.nodes) or 'all'}"
        case Wait():
            return f"wait {step.seconds:g} s" if step.seconds else "wait"
        case Fault():
            return f"fault {step.fault}" + (f" on {step.on}" if step.on else "")
        case Clear():
            return f"clear {step.fault or 'faults'}"
        case Kill():
            return f"kill {step.what}"
    return "restart the server"
