"""Large replies that nobody reads: memory is bounded, the client is told, and others get theirs."""

from __future__ import annotations

import json

import pytest
import zmq

from qctl import wire
from qctl.client import connect
from qctl.errors import QueueFullError
from qctl.server.unread import Unread

SIZE = 1_000_000


@pytest.fixture
def pair():
    context = zmq.Context()
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    dealer.setsockopt(zmq.RCVHWM, 1)
    dealer.setsockopt(zmq.RCVBUF, 4096)
    dealer.setsockopt(zmq.IDENTITY, b"slow")
    router.setsockopt(zmq.SNDBUF, 4096)
    dealer.connect(f"tcp://127.0.0.1:{router.bind_to_random_port('tcp://127.0.0.1')}")
    dealer.send(b"hello")
    router.recv_multipart()
    yield router, dealer
    context.destroy(linger=0)


def test_client_that_does_not_read_is_told_and_may_go_on_when_it_has_read(pair) -> None:
    router, dealer = pair
    unread = Unread(5 * SIZE)
    n_sent = 0
    with pytest.raises(QueueFullError, match="wait to be read"):
        for _ in range(50):
            unread.send(router, b"slow", [b"a", b"b", bytes(SIZE)])
            n_sent += 1
    assert 5 <= n_sent < 20
    for _ in range(n_sent):
        assert dealer.poll(5000)
        assert [len(part) for part in dealer.recv_multipart()] == [1, 1, SIZE]
    unread.send(router, b"slow", [b"a", b"b", bytes(2)])
    assert dealer.poll(5000) and dealer.recv_multipart()[2] == bytes(2)


def test_one_reply_of_any_size_is_always_sent(pair) -> None:
    router, dealer = pair
    Unread(10).send(router, b"slow", [b"a", b"b", bytes(SIZE)])
    assert dealer.poll(5000) and len(dealer.recv_multipart()[2]) == SIZE


def test_reader_gets_its_results_beside_one_that_does_not_read(server, lab) -> None:
    job = lab.run(json.dumps({"n_points": 5, "samples": 500}), shots=100, keep_records=True)
    wanted = job.result(20).records["dig0"].nbytes
    context = zmq.Context()
    slow = context.socket(zmq.DEALER)
    slow.setsockopt(zmq.RCVHWM, 1)
    slow.setsockopt(zmq.RCVBUF, 4096)
    slow.connect(server.address)
    n_asked = 2 + (1 << 28) // wanted + 20
    for number in range(n_asked):
        slow.send_multipart(wire.pack(wire.Result(job.id, id=number + 1)))
    with connect(server.address) as other:
        for _ in range(3):
            assert other.job(job.id).result(20).records["dig0"].nbytes == wanted
        assert other.ping() < 1.0
    answers = {"finished": 0, "queue_full": 0}
    for _ in range(n_asked):
        assert slow.poll(20_000), answers
        reply, _ = wire.unpack_reply(slow.recv_multipart())
        answers[reply.code if isinstance(reply, wire.Error) else "finished"] += 1
    assert answers["queue_full"] > 0 and answers["finished"] > 100
    context.destroy(linger=0)
