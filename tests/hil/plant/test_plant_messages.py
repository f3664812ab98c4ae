"""Messages of the plant come out whole however the stream is cut, and lab time stands still in pauses."""

import numpy as np
import pytest

from qctl.errors import WireError
from qctl.hil.plant.clock import LabClock
from qctl.hil.plant.messages import MAX_BYTES, Decoder, array_from_wire, array_to_wire, encode

MESSAGES = [{"id": 1, "verb": "now"}, {}, {"id": 2, "bytes": bytes(range(256)) * 20}, {"verb": "fire", "once": [1, 2]}]


@pytest.mark.parametrize("size", [1, 3, 4, 5, 100, 10_000])
def test_a_stream_may_be_cut_anywhere(size):
    stream = b"".join(map(encode, MESSAGES))
    decoder = Decoder()
    found = [one for k in range(0, len(stream), size) for one in decoder.feed(stream[k : k + size])]
    assert found == MESSAGES


def test_whole_messages_and_parts_of_them_follow_one_another():
    decoder = Decoder()
    first, second = encode(MESSAGES[0]), encode(MESSAGES[3])
    assert decoder.feed(first) == [MESSAGES[0]]
    assert decoder.feed(second + first[:7]) == [MESSAGES[3]]
    assert decoder.feed(first[7:]) == [MESSAGES[0]]
    assert decoder.feed(second) == [MESSAGES[3]]


@pytest.mark.parametrize("head", [b"", encode({})])
def test_what_is_no_message_is_refused(head):
    with pytest.raises(WireError, match="not a msgpack map"):
        Decoder().feed(head + b"\x01\0\0\0\x05")
    with pytest.raises(WireError, match=f"over {MAX_BYTES}"):
        Decoder().feed(head + (MAX_BYTES + 1).to_bytes(4, "little"))


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 2), (200, 500)])
def test_arrays_come_back_from_messages_and_files(shape, tmp_path):
    array = np.random.default_rng(1).normal(size=shape)[..., ::-1]
    entry = Decoder().feed(encode(array_to_wire(array, str(tmp_path))))[0]
    np.testing.assert_array_equal(array_from_wire(entry, str(tmp_path)), array)
    assert not list(tmp_path.iterdir())


def test_lab_time_stands_still_until_the_last_pause_ends():
    clock = LabClock(0.0, 1e6)
    with clock.paused():
        began_s = clock.now_s()
        with clock.paused():
            assert clock.now_s() == began_s
        assert clock.now_s() == began_s
    while clock.now_s() <= began_s:
        pass
