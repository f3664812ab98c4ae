"""Windows of requests: two state machines over a pipe that loses, doubles, reorders, corrupts and delays."""

from __future__ import annotations

import heapq
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trigger_device import frame_of
from window_device import WindowDevice

from qctl.errors import DeviceTimeoutError, InternalError
from qctl.firmware_io.kinds import Kind
from qctl.firmware_io.messages import Hello, NoPayload
from qctl.firmware_io.sequencer_messages import Marked, RegisterRange, Registers, Telemetry
from qctl.firmware_io.session import Event, Note, Reply, Session


class Pipe:
    """One direction of a bad line for whole frames, in simulated time."""

    def __init__(self, choose: random.Random, rate: float, reorders: bool) -> None:
        self.choose, self.rate, self.reorders = choose, rate, reorders
        self._flying: list[tuple[float, int, bytes]] = []
        self._n, self._last_s = 0, 0.0

    def send(self, data: bytes, now_s: float) -> None:
        for frame in data.split(b"\0")[:-1]:
            for _ in range(2 if self.choose.random() < self.rate else 1):
                self._fly(frame + b"\0", now_s)

    def _fly(self, frame: bytes, now_s: float) -> None:
        if self.choose.random() < self.rate:
            return
        if self.choose.random() < self.rate:
            at = self.choose.randrange(len(frame))
            frame = frame[:at] + bytes([frame[at] ^ 1 << self.choose.randrange(8)]) + frame[at + 1 :]
        delay_s = self.choose.expovariate(1 / 0.3) if self.choose.random() < self.rate else 0.001
        when = now_s + delay_s if self.reorders else max(self._last_s, now_s + delay_s)
        self._last_s = when
        self._n += 1
        heapq.heappush(self._flying, (when, self._n, frame))

    def arrived(self, now_s: float) -> bytes:
        out = b""
        while self._flying and self._flying[0][0] <= now_s:
            out += heapq.heappop(self._flying)[2]
        return out


class Both:
    """Host and device at the two ends of a bad line."""

    def __init__(self, seed: int, rate: float, window: int, reorders: bool, event_every: int = 0) -> None:
        choose = random.Random(seed)
        self.session, self.device = Session(77, retry_s=0.2, tries=200), WindowDevice(window, event_every)
        self.there, self.back = Pipe(choose, rate, reorders), Pipe(choose, rate, reorders)
        self.now_s = 0.0
        self.replies: list[Reply] = []
        self.events: list[Event] = []
        self.session.request(Kind.HELLO, Hello(1, 1), 0.0)
        while not self.replies:
            self.turn()
        self.session.window = window

    def turn(self) -> None:
        self.now_s += 0.01
        assert self.now_s < 200.0, "it hangs"
        self.session.expire(self.now_s)
        self.there.send(self.session.take_outgoing(), self.now_s)
        for frame in self.device.feed(self.there.arrived(self.now_s), self.now_s):
            self.back.send(frame, self.now_s)
        for found in self.session.receive(self.back.arrived(self.now_s), self.now_s):
            if isinstance(found, Reply):
                self.replies.append(found)
            elif isinstance(found, Event):
                self.events.append(found)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32), st.sampled_from([0.0, 0.02, 0.1, 0.2]), st.sampled_from([1, 2, 8]), st.booleans()
)  # fmt: skip
def test_every_request_is_executed_once_in_order_and_every_event_told_once(
    seed: int, rate: float, window: int, reorders: bool
) -> None:
    both = Both(seed, rate, window, reorders, event_every=5)
    wanted = [RegisterRange(k, 1) for k in range(40)]
    left = list(wanted)
    while len(both.replies) < 41:
        while left and both.session.room(both.now_s):
            both.session.request(Kind.READ_REGISTERS, left.pop(0), both.now_s)
        both.turn()
    while len(both.events) < 8:
        both.turn()
    assert both.device.executed == [bytes([k, 1]) for k in range(40)]
    values = [Registers(k, 1, (k + 1).to_bytes(4, "little")) for k in range(40)]
    assert [reply.value for reply in both.replies[1:]] == values
    assert [event.value for event in both.events] == [Marked(n, 0, 0) for n in both.device.told]


def opened(window: int) -> tuple[Session, WindowDevice]:
    session, device = Session(7), WindowDevice(window)
    session.request(Kind.HELLO, Hello(1, 1), 0.0)
    assert session.room(0.0) == 0
    assert len(session.receive(b"".join(device.feed(session.take_outgoing(), 0.0)), 0.0)) == 1
    session.window = window
    return session, device


def test_a_window_is_filled_and_not_more() -> None:
    session, _ = opened(3)
    for k in range(3):
        assert session.room(0.0) == 3 - k
        session.request(Kind.READ_REGISTERS, RegisterRange(k, 1), 0.0)
    with pytest.raises(InternalError, match="READ_REGISTERS is outstanding"):
        session.request(Kind.STATUS, NoPayload(), 0.0)
    with pytest.raises(InternalError, match="HELLO while"):
        session.request(Kind.HELLO, Hello(1, 1), 0.0)


def test_a_gap_sends_all_outstanding_again_at_once_and_only_once() -> None:
    session, device = opened(4)
    frames = []
    for k in range(3):
        session.request(Kind.READ_REGISTERS, RegisterRange(k, 1), 0.0)
        frames.append(session.take_outgoing())
    told = device.feed(frames[1] + frames[2], 0.0)
    assert (len(told), device.n_gaps) == (1, 1)
    assert session.receive(told[0] + told[0], 0.01) == []
    assert session.take_outgoing() == b"".join(frames)
    assert session.n_retries == 3
    replies = session.receive(b"".join(device.feed(b"".join(frames), 0.01)), 0.01)
    assert [reply.value.first for reply in replies] == [0, 1, 2]
    assert session.receive(told[0], 0.02) == []
    assert session.take_outgoing() == b""


def test_a_reply_that_overtakes_waits_for_the_one_before() -> None:
    session, device = opened(4)
    for k in range(2):
        session.request(Kind.READ_REGISTERS, RegisterRange(k, 1), 0.0)
    first, second = device.feed(session.take_outgoing(), 0.0)
    assert session.receive(second, 0.1) == []
    session.expire(0.2)
    assert session.n_retries == 1
    assert [reply.value.first for reply in session.receive(first, 0.2)] == [0, 1]
    assert not session.busy


def test_each_reply_gives_the_next_oldest_its_own_time() -> None:
    session, device = opened(4)
    for k in range(2):
        session.request(Kind.READ_REGISTERS, RegisterRange(k, 1), 0.0)
    first, _ = device.feed(session.take_outgoing(), 0.0)
    session.receive(first, 0.19)
    assert session.next_deadline_s() == pytest.approx(0.39)


def test_silence_is_a_time_out_that_names_the_oldest() -> None:
    session, _ = opened(2)
    session.tries = 2
    for k in range(2):
        session.request(Kind.READ_REGISTERS, RegisterRange(k, 1), 0.0)
    session.expire(0.2)
    with pytest.raises(DeviceTimeoutError, match="READ_REGISTERS number 1 after 2 tries"):
        session.expire(0.4)


def test_notes_bound_the_window_until_they_are_old() -> None:
    session, device = opened(8)
    assert session.room(0.0) == 8
    session.receive(device.note_window(0), 1.0)
    assert session.room(2.9) == 0
    session.receive(device.note_window(3), 2.9)
    assert session.room(4.0) == 3
    assert session.room(4.9) == 8


def test_other_notes_are_told_and_unknown_ones_are_nothing() -> None:
    session, _ = opened(1)
    telemetry = bytes(8) + b"\1" + bytes(23)
    assert session.receive(frame_of(0xE1, 7, 0, telemetry), 0.0) == [Note(Telemetry(0, 1, 0, 0, 0, 0, 0))]
    assert (
        session.receive(frame_of(0xEF, 7, 0, telemetry) + frame_of(0xE2, 7, 0, b"") + frame_of(0xE1, 6, 0, b"")) == []
    )


def test_an_event_that_comes_late_again_is_not_taken_again() -> None:
    session, _ = opened(1)
    marks = [frame_of(0xC3, 7, number, bytes([number]) + bytes(15)) for number in (1, 2)]
    assert len(session.receive(marks[0] + marks[1] + marks[0] + marks[1])) == 2
