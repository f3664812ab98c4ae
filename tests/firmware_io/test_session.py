"""The session against an independent device, over a line that loses, doubles, flips and cuts bytes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trigger_device import TriggerDevice, frame_of

from qctl.errors import DeviceTimeoutError, InternalError
from qctl.firmware_io.messages import Block, Done, ErrorReply, Fire, Hello, HelloReply, Kind, Line, NoPayload
from qctl.firmware_io.session import Event, Reply, Session


def opened(session: Session, device: TriggerDevice) -> None:
    session.request(Kind.HELLO, Hello(1, 1), 0.0)
    (reply,) = session.receive(device.feed(session.take_outgoing()))
    assert reply == Reply(Kind.HELLO, HelloReply(1, 1, 1, "qctl,trigger,7,1.0"))


def test_hello_on_the_wire_is_the_golden_vector() -> None:
    session = Session(0x1234)
    session.request(Kind.HELLO, Hello(1, 1), 0.0)
    assert session.take_outgoing().hex(" ") == "00 05 01 01 34 12 01 02 04 02 01 02 01 05 47 09 e6 f8 00"
    assert session.take_outgoing() == b""


def test_fire_is_answered_and_its_event_acknowledged() -> None:
    session, device = Session(7), TriggerDevice()
    opened(session, device)
    session.request(Kind.FIRE, Fire(3), 1.0)
    found = session.receive(device.feed(session.take_outgoing()))
    assert found == [Reply(Kind.FIRE, Fire(3)), Event(Done(3, 1, 0))]
    device.feed(session.take_outgoing())
    assert device.acknowledged == [1]


def test_doubled_event_is_told_once_and_acknowledged_again() -> None:
    session, device = Session(7), TriggerDevice()
    opened(session, device)
    event = device.finish()
    assert len(session.receive(event + event)) == 1
    device.feed(session.take_outgoing())
    assert device.acknowledged == [1, 1]


def test_lost_reply_is_asked_for_again_and_executed_once() -> None:
    session, device = Session(7), TriggerDevice()
    opened(session, device)
    session.request(Kind.FIRE, Fire(3), 1.0)
    device.feed(session.take_outgoing())
    assert session.next_deadline_s() == pytest.approx(1.2)
    session.expire(1.19)
    assert session.take_outgoing() == b""
    session.expire(1.2)
    found = session.receive(device.feed(session.take_outgoing()))
    assert found[0] == Reply(Kind.FIRE, Fire(3))
    assert device.executed.count(Kind.FIRE) == 1
    assert session.n_retries == 1


def test_silent_device_is_a_time_out_after_the_last_try() -> None:
    session = Session(7, retry_s=0.25, tries=3)
    session.request(Kind.STATUS, NoPayload(), 0.0)
    for time_s in (0.25, 0.5):
        session.expire(time_s)
    with pytest.raises(DeviceTimeoutError, match="STATUS number 1 after 3 tries"):
        session.expire(0.75)
    assert not session.busy


def test_reply_of_an_old_session_is_dropped() -> None:
    session = Session(8)
    session.request(Kind.STATUS, NoPayload(), 0.0)
    late = frame_of(0x87, 7, 1, bytes(16))
    assert session.receive(late) == []
    assert session.busy
    assert session.receive(frame_of(0x87, 8, 2, bytes(16))) == []
    assert len(session.receive(frame_of(0x87, 8, 1, bytes(16)))) == 1


def test_reply_with_a_wrong_payload_is_dropped() -> None:
    session = Session(8)
    session.request(Kind.STATUS, NoPayload(), 0.0)
    assert session.receive(frame_of(0x87, 8, 1, bytes(15))) == []
    assert session.receive(frame_of(0x82, 8, 1, bytes(32))) == []
    assert session.busy


def test_refusal_comes_as_a_reply() -> None:
    session, device = Session(7), TriggerDevice()
    opened(session, device)
    session.request(Kind.SET_BLOCK, Block(99, 1), 0.0)
    (reply,) = session.receive(device.feed(session.take_outgoing()))
    assert reply == Reply(Kind.SET_BLOCK, ErrorReply(4, 3, "period below limit"))


def test_power_cycle_is_noticed_by_the_next_request() -> None:
    session, device = Session(7), TriggerDevice()
    opened(session, device)
    device.power_cycle()
    session.request(Kind.STATUS, NoPayload(), 0.0)
    (reply,) = session.receive(device.feed(session.take_outgoing()))
    assert reply.value.code == 6


def test_second_request_while_one_is_outstanding_is_a_bug() -> None:
    session = Session(7)
    session.request(Kind.STATUS, NoPayload(), 0.0)
    with pytest.raises(InternalError, match="STATUS is outstanding"):
        session.request(Kind.STOP, NoPayload(), 0.0)


def test_numbers_go_from_65535_to_1() -> None:
    session, device = Session(7), TriggerDevice()
    opened(session, device)
    for _ in range(65_540):
        session._number = session._number if session._number < 10 or session._number > 65_530 else 65_530
        device._number = session._number
        session.request(Kind.STOP, NoPayload(), 0.0)
        assert session.receive(device.feed(session.take_outgoing()))
        if session._number == 3 and len(device.executed) > 20:
            return
    raise AssertionError("the number never came round")


def damaged(data: bytes, choose: random.Random, rate: float) -> bytes:
    """Lose, double and flip bytes at random."""
    out = bytearray()
    for byte in data:
        what = choose.random()
        if what < rate / 3:
            continue
        out.append(byte ^ (1 << choose.randrange(8)) if what < rate * 2 / 3 else byte)
        if rate * 2 / 3 <= what < rate:
            out.append(byte)
    return bytes(out)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.002, 0.01]))
def test_every_request_is_executed_once_and_in_order_over_a_bad_line(seed: int, rate: float) -> None:
    choose = random.Random(seed)
    session, device = Session(7, retry_s=1.0, tries=50), TriggerDevice()
    opened(session, device)
    now_s, wanted = 0.0, [Line(1 + k % 8, k % 2, k, k + 1) for k in range(20)]
    for line in wanted:
        session.request(Kind.SET_LINE, line, now_s)
        replies: list[Reply | Event] = []
        while not replies:
            to_device = damaged(session.take_outgoing(), choose, rate)
            replies = session.receive(damaged(device.feed(to_device), choose, rate))
            if not replies:
                now_s += 1.0
                session.expire(now_s)
        assert replies == [Reply(Kind.SET_LINE, line)]
    assert device.executed == [Kind.HELLO] + [Kind.SET_LINE] * 20
