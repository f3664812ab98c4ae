"""First in, first out on each processor; a lease holds back everybody else's jobs."""

from qctl.scheduler.choice import Candidate, choose

WAITING = [Candidate(3, "qpu0", "ann"), Candidate(1, "qpu1", "bob"), Candidate(2, "qpu0", "bob")]


def test_oldest_job_of_the_processor_is_next() -> None:
    assert choose(WAITING, "qpu0") == Candidate(2, "qpu0", "bob")
    assert choose(WAITING, "qpu1") == Candidate(1, "qpu1", "bob")


def test_nothing_waits_for_another_processor() -> None:
    assert choose(WAITING, "qpu2") is None
    assert choose([], "qpu0") is None


def test_only_the_holder_of_a_lease_may_play() -> None:
    assert choose(WAITING, "qpu0", {"ann"}) == Candidate(3, "qpu0", "ann")
    assert choose(WAITING, "qpu0", {"ann", "bob"}) is None
