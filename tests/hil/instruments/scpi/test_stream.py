"""The stream cuts messages the same way however the bytes arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qctl.hil.instruments.scpi.stream import BLOCK, Message, Stream


def in_chunks(stream: Stream, data: bytes, size: int) -> list[Message]:
    found = []
    for start in range(0, len(data), size):
        found += stream.feed(data[start : start + size])
    return found


def test_lines_are_messages_and_blank_ones_are_none() -> None:
    found = Stream().feed(b"*IDN?\r\n\n  \nSOUR:FREQ 1\n*OPC")
    assert [message.text for message in found] == ["*IDN?", "SOUR:FREQ 1"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_block_with_newlines_hashes_and_quotes_is_kept_whole(size: int) -> None:
    content = b"\n#12\n\"'\x01\x00;"
    data = b'WLIS:WAV:DATA "a#b",#210' + content[:10] + b";*OPC?\n*CLS\n"
    found = in_chunks(Stream(), data, size)
    assert [message.text for message in found] == [f'WLIS:WAV:DATA "a#b",{BLOCK};*OPC?', "*CLS"]
    assert [bytes(block) for block in found[0].blocks] == [content[:10]]


def test_empty_block_and_two_blocks() -> None:
    (message,) = Stream().feed(b"A #10,#11x\n")
    assert message.text == f"A {BLOCK},{BLOCK}"
    assert [bytes(block) for block in message.blocks] == [b"", b"x"]


@pytest.mark.parametrize("size", [1, 5, 100])
def test_message_without_terminator_ends_with_its_block(size: int) -> None:
    found = in_chunks(Stream(), b"A #12xy:B?\nC #11z*IDN?\nD #11z ;E\n", size)
    assert [message.text for message in found] == [f"A {BLOCK}", ":B?", f"C {BLOCK}", "*IDN?", f"D {BLOCK} ;E"]


def test_indefinite_block_ends_with_the_message() -> None:
    assert Stream().feed(b"A #0xyz\n*CLS\n")[0].blocks == (bytearray(b"xyz"),)
    framed = Stream(framed=True)
    assert framed.feed(b"A #0x\ny") == []
    assert framed.end()[0].blocks == (bytearray(b"x\ny"),)


def test_too_large_block_is_skipped_without_memory_and_reported() -> None:
    stream = Stream(max_block=10)
    assert stream.feed(b"A #211hello worl") == []
    found = stream.feed(b"d\n*IDN?\n")
    assert [(message.text, message.error) for message in found] == [("", -223), ("*IDN?", 0)]


def test_huge_block_length_allocates_nothing() -> None:
    assert Stream().feed(b"A #9999999999") == []


def test_block_that_the_transport_cuts_is_reported() -> None:
    stream = Stream(framed=True)
    stream.feed(b"A #15ab")
    assert stream.end()[0].error == -161
    assert stream.idle


def test_endless_text_is_dropped_and_reported() -> None:
    stream = Stream(max_text=100)
    assert stream.feed(b"x" * 1000) == []
    assert stream.feed(b"\n*IDN?\n") == [Message("", (), -363), Message("*IDN?")]


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 50))
def test_any_chunking_gives_the_same_messages(blocks: list[bytes], size: int) -> None:
    data = b"".join(b"D %d,#3%03d%b\n" % (number, len(block), block) for number, block in enumerate(blocks))
    found = in_chunks(Stream(), data, size)
    assert [bytes(message.blocks[0]) for message in found] == blocks
    assert [message.text for message in found] == [f"D {number},{BLOCK}" for number in range(len(blocks))]


@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_are_survived(data: bytes, size: int) -> None:
    stream = Stream(max_block=100)
    in_chunks(stream, data, size)
    stream.clear()
    assert stream.feed(b"*IDN?\n") == [Message("*IDN?")]
