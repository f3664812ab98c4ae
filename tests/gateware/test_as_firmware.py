"""What the firmware's own tests ask of it, asked of the firmware with a core: the same tests, another device."""

from __future__ import annotations

import pytest
from test_ends import test_the_end_of_a_block_is_told_when_marks_fill_the_events  # noqa: F401
from test_process import (  # noqa: F401
    firmware,
    test_a_doubled_packet_is_executed_once_and_a_gap_is_told,
    test_outputs_are_safe_within_the_watchdogs_time_when_the_host_is_killed,
)
from test_programs import (  # noqa: F401
    asker,
    test_a_fault_ends_the_block_at_its_tick,
    test_a_program_without_an_end_can_be_stopped,
    test_a_shot_that_overruns_its_period_is_late_and_bounded,
    test_a_software_trigger_goes_on_at_its_latency,
    test_a_trace_and_results_that_are_full_keep_what_came_first,
    test_a_wrong_instruction_is_refused_by_its_number,
)


@pytest.fixture
def image() -> str:
    """Return the program that stands in for the firmware's."""
    return "gateware-plain"
