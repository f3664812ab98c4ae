"""Lowering for the trigger controller: the wired lines of lab.toml, the period rounded up."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from qctl.errors import CompileError
from qctl.instruments.qctl_trigger.body import Line, TriggerBody
from qctl.instruments.qctl_trigger.lower import lower
from qctl.lab import Instrument, Lab
from qctl.lab.rack import TriggerLine
from qctl.program.timeline import Shots

Named = Callable[..., Instrument]


def test_trigger_lines_fire_each_shot_and_event_lines_once_a_block(lab: Lab, named: Named) -> None:
    program = lower((), named("trig0"), lab, Shots(1000, False, 2e-4))
    lines = {1: Line(0, 10), 2: Line(0, 10, once=True)}
    assert TriggerBody.from_bytes(program.body) == TriggerBody(1000, 20_000, lines, 1e8)
    assert all(row.fits for row in program.usage)


@pytest.mark.parametrize(
    ("period_s", "ticks"), [(2.00001e-4, 20_001), (2.0000000001e-4, 20_001), (1e-4 + 1e-8, 10_001)]
)
def test_period_is_rounded_up(lab: Lab, named: Named, period_s: float, ticks: int) -> None:
    assert TriggerBody.from_bytes(lower((), named("trig0"), lab, Shots(1, False, period_s)).body).period_ticks == ticks


def test_what_does_not_fit_is_refused(lab: Lab, named: Named) -> None:
    after = named("trig0", line={n: TriggerLine(number=n, delay_s=(n - 1) * 2e-4) for n in (1, 2)})
    lines = TriggerBody.from_bytes(lower((), after, lab, Shots(1, False, 2e-4)).body).lines
    assert lines[2] == Line(20_000, 10, once=True), "an event comes after the period"
    late = named("trig0", line={1: TriggerLine(number=1, width_s=1e-7, delay_s=2e-4)})
    with pytest.raises(CompileError, match="line 1 ends 20010 ticks after the start, the period is 20000"):
        lower((), late, lab, Shots(1, False, 2e-4))
    with pytest.raises(CompileError, match=r"period_ticks = 50 is below 100 ticks, the least of a qctl-trigger"):
        lower((), named("trig0"), lab, Shots(1, False, 5e-7))
    with pytest.raises(CompileError, match=r"no instrument of lab.toml is triggered"):
        lower((), msgspec.structs.replace(named("trig0"), name="trig9"), lab, Shots(1, False, 2e-4))


def test_more_shots_than_the_counter_holds_are_reported(lab: Lab, named: Named) -> None:
    assert not lower((), named("trig0"), lab, Shots(2**32, False, 2e-4)).usage[0].fits
