"""Changes of the core, each built: the programs' comparison notices all but those that nothing can tell."""

from __future__ import annotations

import pytest
from mutations import MUTANTS, noticed, prepare

SOON = (
    "tick_after", "count_starts_late", "opens_a_clock_early", "trigger_at_the_limit_missed", "lines_begin_low",
    "stages_over_an_update", "shift_without_its_sign", "queue_keeps_its_first", "a_stopped_tick_takes_effect_in_part",
)  # fmt: skip
"""What `make gateware-test` builds; `make gateware-mutants` builds all."""


@pytest.mark.timeout(600)
def test_changes_are_noticed(built: None) -> None:
    found = noticed(prepare(list(SOON)))
    assert found.pop("") == ""  # the core as it is, built in the same way
    assert [name for name, said in found.items() if not said] == [n for n in SOON if MUTANTS[n].equivalent]


def test_there_are_many_and_each_says_where() -> None:
    assert len(MUTANTS) >= 28
    assert {mutant.file for mutant in MUTANTS.values()} == {
        "core.v", "counters.v", "dispatcher.v", "event_log.v", "executor.v", "inputs.v", "levels_out.v", "queue.v",
        "tones.v",
    }  # fmt: skip
