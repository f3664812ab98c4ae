"""The transcript link: a wrong word fails at once, a leftover one at the end."""

from __future__ import annotations

import pytest

from qctl.errors import DeviceTimeoutError, RequestError
from qctl.instruments.links.link import Link, as_bytes_view, block_header, shown
from qctl.instruments.links.transcript import TranscriptLink


def test_conversation_as_written_passes() -> None:
    turns = [("A 1", None), ("A?", "1"), (("D ", b"\x01\x02"), None), ("D?", [b"xy"])]
    with TranscriptLink(turns) as link:
        assert isinstance(link, Link)
        link.write("A 1")
        assert link.query("A?") == "1"
        link.write_block("D ", b"\x01\x02")
        assert [bytes(block) for block in link.query_blocks("D?")] == [b"xy"]


def test_wrong_word_fails() -> None:
    with pytest.raises(AssertionError, match="'B' was sent instead of 'A'"):
        TranscriptLink([("A", None)]).write("B")


def test_leftover_turn_fails() -> None:
    with pytest.raises(AssertionError, match="left over"), TranscriptLink([("A", None)]):
        pass


def test_silent_instrument_is_a_time_out() -> None:
    with pytest.raises(DeviceTimeoutError):
        TranscriptLink([("A?", None)]).query("A?")


@pytest.mark.parametrize(("n_bytes", "head"), [(0, b"#10"), (9, b"#19"), (10, b"#210"), (999_999_999, b"#9999999999")])
def test_block_header_counts_digits(n_bytes: int, head: bytes) -> None:
    assert block_header(n_bytes) == head


def test_block_over_nine_digits_is_refused() -> None:
    with pytest.raises(RequestError, match="999,999,999"):
        block_header(10**9)


def test_bytes_view_does_not_copy() -> None:
    data = bytearray(b"abcd")
    view = as_bytes_view(memoryview(data).cast("H"))
    data[0] = 0
    assert view[0] == 0


def test_shown_cuts_long_data() -> None:
    assert shown(b"\x00\xff") == "2 bytes so far: 00 ff"
    assert shown(bytes(100), 2) == "100 bytes so far: 00 00 …"
