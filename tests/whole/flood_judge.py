"""Flood a server: readers that never read, malformed messages, a burst of jobs with most cancelled, and `kill -9`.

Usage: python tests/whole/flood_judge.py [N_MESSAGES] [N_JOBS]

A whole server with fake instruments. Prints the memory of its processes as it goes, and what became of each job that
was acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import zmq

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

MOST_GROWTH_MB = 200
N_ASKED = 2000
ENDED = {"done", "cancelled", "failed", "interrupted"}


class Crowd:
    """Sockets of clients; those that are slow send and never read."""

    def __init__(self, address: str, events: str) -> None:
        from qctl import wire

        self.wire, self.address = wire, address
        self.context = zmq.Context()
        self.slow: list[Any] = []
        for kind in (zmq.SUB, zmq.DEALER, zmq.DEALER):
            socket = self.context.socket(kind)
            socket.setsockopt(zmq.RCVHWM, 1)
            socket.setsockopt(zmq.RCVBUF, 4096)
            if kind == zmq.DEALER:
                socket.setsockopt(zmq.SNDHWM, 0)
            if kind == zmq.SUB:
                socket.setsockopt(zmq.SUBSCRIBE, b"")
            socket.connect(events if kind == zmq.SUB else address)
            self.slow.append(socket)

    def dealer(self) -> Any:
        """Return a client that does read."""
        socket = self.context.socket(zmq.DEALER)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.connect(self.address)
        return socket

    def ask_without_reading(self, n_requests: int) -> None:
        """Have every slow client ask for the lab's description and the list of jobs, again and again."""
        for socket in self.slow[1:]:
            for n in range(n_requests):
                head = self.wire.Describe(id=n + 1) if n % 2 else self.wire.Jobs(limit=1000, id=n + 1)
                socket.send_multipart(self.wire.pack(head))

    def end(self) -> None:
        """Close everything."""
        self.context.destroy(linger=0)


def memory_mb(server: Any) -> dict[str, float]:
    """Return the resident memory of the server's processes, by name and pid."""
    found = {}
    for pid in (server.process.pid, *server.children()):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        found[str(pid)] = int(status.partition("VmRSS:")[2].split()[0]) / 1024 if "VmRSS:" in status else 0.0
    return found


def say(what: str, server: Any, first: dict[str, float]) -> float:
    """Print the memory of all processes, and return the largest growth of one of them."""
    now = memory_mb(server)
    growth = max(now[pid] - first[pid] for pid in now if pid in first) if set(now) & set(first) else 0.0
    print(f"  {what}: {sum(now.values()):.0f} MB in {len(now)} processes, one grew by {growth:.1f} MB", flush=True)
    return growth


def malformed(crowd: Crowd, n_messages: int) -> Counter[str]:
    """Send rubbish, and return how often each kind of answer came."""
    rng, socket = random.Random(1), crowd.dealer()
    good = [bytes(part) for part in crowd.wire.pack(crowd.wire.Submit(("qasm",), 100, id=3), [b"{}"])]
    codes: Counter[str] = Counter()
    for n in range(n_messages):
        parts = [bytearray(part) for part in good]
        if n % 4 == 0:
            parts = [bytearray(rng.randbytes(rng.randrange(60))) for _ in range(rng.randrange(1, 6))]
        elif n % 4 == 1:
            parts[1] = bytearray(rng.randbytes(rng.randrange(200)))
        elif n % 4 == 2:
            parts[1] = parts[1][: rng.randrange(1, len(parts[1]))]
        else:
            parts = [parts[0], bytearray(b"\xdd\xff\xff\xff\xff")]
        socket.send_multipart(parts)
        if n % 100 == 99 or n == n_messages - 1:
            while sum(codes.values()) <= n:
                assert socket.poll(20_000), f"no answer after {dict(codes)}"
                reply, _ = crowd.wire.unpack_reply(socket.recv_multipart())
                codes[getattr(reply, "code", type(reply).__name__)] += 1
    socket.close()
    return codes


def burst(crowd: Crowd, server: Any, n_jobs: int, kill_after: int) -> tuple[list[int], set[int]]:
    """Submit jobs at once, cancel nine in ten as they are acknowledged, and kill the keeper in the middle.

    Returns
    -------
    acknowledged : list of int
        Numbers of jobs.
    cancelled : set of int
        Those of them that the server said were cancelled.
    """
    wire, socket = crowd.wire, crowd.dealer()
    for n in range(n_jobs):
        program = json.dumps({"level": n % 7 + 1}).encode()
        socket.send_multipart(wire.pack(wire.Submit(("qasm",), 10, id=n + 1), [program]))
    acknowledged: list[int] = []
    answered: set[int] = set()
    refused: set[int] = set()
    cancelled: set[int] = set()
    killed, n_cancels, quiet_until_s = False, 0, time.monotonic() + 60
    # Who kills the keeper does not wait for answers to what it was not told any more.
    while len(answered) < n_jobs + (0 if kill_after else n_cancels) and time.monotonic() < quiet_until_s:
        if not socket.poll(1000):
            continue
        reply, _ = wire.unpack_reply(socket.recv_multipart())
        if isinstance(reply, wire.Accepted):
            acknowledged.append(reply.job)
            answered.add(reply.id)
            if reply.job % 10:
                n_cancels += 1
                socket.send_multipart(wire.pack(wire.Cancel(reply.job, id=10**6 + reply.job)))
        elif isinstance(reply, wire.JobRow):
            if not kill_after:
                answered.add(reply.id)
            if reply.job["state"] == "cancelled":
                cancelled.add(reply.job["id"])
        elif isinstance(reply, wire.Error) and 0 < reply.id <= n_jobs:
            answered.add(reply.id)
            refused.add(reply.id)
        if kill_after and not killed and len(acknowledged) >= kill_after:
            killed = True
            os.kill(server.keeper(), signal.SIGKILL)
    print(
        f"  {n_jobs} jobs sent: {len(acknowledged)} acknowledged, {len(refused)} refused, killed {killed}", flush=True
    )
    left = n_jobs - sum(0 < number <= n_jobs for number in answered)
    assert not left, f"{left} jobs were never answered"
    socket.close()
    return acknowledged, cancelled


def states_of(address: str, wanted: list[int]) -> Counter[str]:
    """Return the states of jobs, and the number of those that nobody knows; wait for a keeper that starts."""
    from qctl.client import connect
    from qctl.errors import InternalError, QctlError

    found: Counter[str] = Counter()
    with connect(address, 30.0) as lab:
        end_s = time.monotonic() + 20
        while time.monotonic() < end_s:
            try:
                lab.jobs(1)
                break
            except InternalError:
                time.sleep(0.05)
        for number in wanted:
            try:
                found[lab.job(number).state] += 1
            except QctlError as error:
                found[f"LOST: {error.message}"] += 1
    return found


def settle(address: str, wanted: list[int], timeout_s: float) -> Counter[str]:
    """Wait until every job has ended, and return their states."""
    end_s = time.monotonic() + timeout_s
    while True:
        found = states_of(address, wanted)
        if not set(found) - ENDED or time.monotonic() > end_s:
            return found
        time.sleep(0.5)


def main(n_messages: int, n_jobs: int) -> int:
    """Return how many things went wrong."""
    from fake_server import FakeServer

    from qctl.client import connect

    wrong = 0
    with tempfile.TemporaryDirectory(prefix="qctl-flood-") as folder:
        store = Path(folder) / "store"
        server = FakeServer(store)
        try:
            with connect(server.address) as lab:
                lab.run("{}", shots=10).result(30)
                events = f"tcp://127.0.0.1:{int(server.address.rpartition(':')[2]) + 1}"
            crowd = Crowd(server.address, events)
            first = memory_mb(server)
            say("at rest", server, first)
            crowd.ask_without_reading(N_ASKED)
            codes = malformed(crowd, n_messages)
            print(f"  {n_messages} malformed messages: {dict(codes)}", flush=True)
            wrong += sum(codes.values()) != n_messages or not set(codes) <= {"wire", "version", "request"}
            growth = say("after malformed messages, with three who never read", server, first)
            acknowledged, cancelled = burst(crowd, server, n_jobs, kill_after=n_jobs // 3)
            with connect(server.address) as lab:
                print(f"  ping {lab.ping() * 1e3:.1f} ms", flush=True)
            states_of(server.address, acknowledged[:1])
            growth = max(growth, say("after the burst and a new keeper", server, first))
            more, also = burst(crowd, server, n_jobs // 2, kill_after=0)
            cancelled |= also
        finally:
            server.kill()
        crowd.end()
        print("  the broker was killed", flush=True)
        again = FakeServer(store)
        try:
            found = settle(again.address, [*acknowledged, *more], 120)
            lost = sum(n for state, n in found.items() if state not in ENDED)
            print(f"  after a restart: {dict(found)} of {len(acknowledged) + len(more)} acknowledged", flush=True)
            kept = states_of(again.address, sorted(cancelled))
            print(f"  of {len(cancelled)} that were cancelled: {dict(kept)}", flush=True)
            wrong += lost + len(cancelled) - kept["cancelled"]
            with connect(again.address) as lab:
                assert lab.run("{}", shots=10).result(30).counts == {"0": 5, "1": 5}
        finally:
            again.stop()
        wrong += growth > MOST_GROWTH_MB
    print("ok" if not wrong else f"{wrong} wrong")
    return wrong


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]] + [10_000, 2000][len(sys.argv) - 1 :]
    sys.exit(1 if main(*numbers) else 0)
