"""Blocks of very many shots: exact counts over the digitizer's limit, status asked while the physics takes seconds."""

from __future__ import annotations

import time
from typing import Any

import pytest
from probe import PROBE

import qctl
from qctl.errors import JobCancelledError

MAX_RECORDS = 65_536


@pytest.mark.parametrize("shots", [MAX_RECORDS, MAX_RECORDS + 1])
def test_counts_are_exact_at_and_over_the_limit(small: Any, shots: int) -> None:
    found = small.client.run(qctl.Circuit.from_qasm(PROBE), shots=shots, seed=0).result(100)
    assert sum(found.counts.values()) == shots
    assert found.iq["c[0]"].shape == (shots,)


def test_long_block_is_cancelled_soon(small: Any) -> None:
    job = small.client.run(qctl.Circuit.from_qasm(PROBE), shots=10 * MAX_RECORDS, seed=0)
    for event in small.client.events(f"progress.{job.id}", timeout_s=30):
        if event.body["stage"] == "playing":
            break
    begin = time.monotonic()
    job.cancel()
    with pytest.raises(JobCancelledError):
        job.result(30)
    assert time.monotonic() - begin < 8
    assert {small.link(name) for name in small.client.instruments} == {"up"}
