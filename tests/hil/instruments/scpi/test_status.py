"""The status model: queue, events, status byte, service requests."""

from qctl.hil.instruments.scpi.status import Status


def test_queue_is_first_in_first_out_and_overflows_at_its_end() -> None:
    status = Status(depth=3)
    for number in (-101, -113, -222, -410):
        status.push(number)
    assert [status.pop()[0] for _ in range(4)] == [-101, -113, -350, 0]


def test_each_class_of_error_sets_its_event_bit() -> None:
    for number, bit in ((-113, 32), (-222, 16), (-350, 8), (-410, 4), (201, 8)):
        status = Status()
        status.clear()
        status.push(number)
        assert status.read_event() == bit
        assert status.read_event() == 0


def test_status_byte_sums_up() -> None:
    status = Status()
    status.clear()
    status.event_enable = 32
    status.service_enable = 32
    assert status.byte() == 0
    status.push(-113)
    assert status.byte() == 4 | 32 | 64
    assert status.byte(message_available=True) == 4 | 16 | 32 | 64
    status.clear()
    assert status.byte() == 0


def test_service_is_asked_for_once_each_time() -> None:
    status = Status()
    status.clear()
    calls: list[int] = []
    status.on_service.append(calls.append)
    status.service_enable = 4
    status.push(-113)
    status.push(-113)
    assert calls == [4 | 64]


def test_rising_condition_is_latched() -> None:
    status = Status()
    status.questionable.set_condition(32, True)
    status.questionable.set_condition(32, False)
    assert status.questionable.condition == 0
    assert status.questionable.read_event() == 32
    assert status.questionable.read_event() == 0
