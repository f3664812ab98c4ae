"""What host and sequencer agree on, and the sentences when they don't."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qctl.errors import RequestError, VersionError
from qctl.firmware_io.handshake import agree, demand, lacks
from qctl.firmware_io.kinds import Feature
from qctl.firmware_io.sequencer_messages import Identification

KNOWN = Identification(1, 1, 1, 0, 2, 63, 8, 1024, 10**6, 0)


def test_the_highest_common_schema_is_taken() -> None:
    assert agree(KNOWN, "qctl,sequencer") == 1
    assert agree(replace(KNOWN, instruction_highest=9), "qctl,sequencer") == 1


@pytest.mark.parametrize(("low", "high", "older"), [(2, 3, "qctl"), (0, 0, "the firmware")])
def test_no_common_schema_names_both_sides_and_the_remedy(low: int, high: int, older: str) -> None:
    words = rf"firmware 1\.0\.2 executes .* schema {low} to {high}, this qctl writes 1 to 1; update {older}"
    with pytest.raises(VersionError, match=words):
        agree(replace(KNOWN, instruction_lowest=low, instruction_highest=high), "qctl,sequencer")


def test_what_a_sequencer_lacks_is_said_and_refused_only_where_it_is_needed() -> None:
    poor = replace(KNOWN, features=int(Feature.TONES))
    assert lacks(KNOWN) == ()
    assert "the sequencer's firmware 1.0.2 has no photon counters" in lacks(poor)
    demand(KNOWN, Feature.TRACE, "reading what was played")
    with pytest.raises(RequestError, match=r"a trace of its events, which qctl has and .* firmware 1\.0\.2 has not"):
        demand(poor, Feature.TRACE, "reading what was played")
