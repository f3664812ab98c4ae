"""Messages: golden payloads, round trips, and payloads that are none."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qctl.errors import WireError
from qctl.firmware_io import messages
from qctl.firmware_io.messages import Kind, decode_event, decode_reply, encode_payload
from qctl.firmware_io.sequencer_messages import SEQUENCER_LAYOUTS

U8, U16, U32 = st.integers(0, 255), st.integers(0, 65535), st.integers(0, 2**32 - 1)
TEXT = st.text(st.characters(codec="ascii"), max_size=255)

# docs/firmware-protocol.md, sections 4 and 5
GOLDEN: list[tuple[Kind, Any, str]] = [
    (Kind.SET_LINE, messages.Line(1, 1, 0, 10), "01 01 00 00 00 00 00 00 0a 00 00 00"),
    (Kind.SET_LINE, messages.Line(2, messages.ONCE_A_BLOCK, 100, 10), "02 02 00 00 64 00 00 00 0a 00 00 00"),
    (Kind.SET_BLOCK, messages.Block(20_000, 1000), "20 4e 00 00 e8 03 00 00"),
    (Kind.FIRE, messages.Fire(1), "01 00 00 00"),
    (Kind.STATUS, messages.Status(0, 1, 0, 1, 1000, 1000), "00 01 00 00 01 00 00 00 e8 03 00 00 e8 03 00 00"),
    (
        Kind.CAPABILITIES,
        messages.Capabilities(10**8, 8, 1024, 2**32 - 1, 1, 2**32 - 1, 100, 2**32 - 1, 2**32 - 1),
        "00 e1 f5 05 08 00 00 04 ff ff ff ff 01 00 00 00 ff ff ff ff 64 00 00 00 ff ff ff ff ff ff ff ff",
    ),
    (
        Kind.HELLO,
        messages.HelloReply(1, 1, 1, "qctl,trigger,7,1.0"),
        "01 00 01 00 01 00 12" + b"qctl,trigger,7,1.0".hex(),
    ),
    (Kind.STOP, messages.Stopped(5), "05 00 00 00"),
    (Kind.SET_REFERENCE, messages.Reference(1), "01"),
    (Kind.SAFE, messages.NoPayload(), ""),
]


@pytest.mark.parametrize(("kind", "value", "payload"), GOLDEN)
def test_golden_payloads(kind: Kind, value: Any, payload: str) -> None:
    assert encode_payload(value) == bytes.fromhex(payload)
    assert decode_reply(kind, kind + 0x80, bytes.fromhex(payload)) == value


def test_golden_event_and_error() -> None:
    assert decode_event(0xC1, bytes.fromhex("01000000 e8030000 00 00 0000")) == messages.Done(1, 1000, 0)
    payload = bytes.fromhex("04 03 12") + b"period below limit"
    assert decode_reply(Kind.SET_BLOCK, 0xFF, payload) == messages.ErrorReply(4, 3, "period below limit")
    assert decode_event(0xC9, b"anything") is None


def _values() -> st.SearchStrategy[Any]:
    fields = {"session": U16, "identity": TEXT, "text": TEXT, "lowest": U16, "highest": U16, "chosen": U16}
    fields |= {"last_error": U16, "max_payload": U16}
    wide = ("ticks", "n_shots", "n_fired", "block_number", "max_shots", "tick_hz")
    kinds = []
    for kind in set(get_args(messages.Payload)) - set(SEQUENCER_LAYOUTS):
        parts = {
            name: fields.get(name, U32 if any(name.endswith(end) for end in wide) else U8)
            for name in kind.__dataclass_fields__
        }
        kinds.append(st.builds(kind, **parts))
    return st.one_of(kinds)


@given(_values())
def test_every_value_round_trips(value: Any) -> None:
    assert messages._decode(type(value), encode_payload(value)) == value


@given(_values(), st.binary(min_size=1, max_size=5))
def test_longer_payload_is_refused(value: Any, more: bytes) -> None:
    with pytest.raises(WireError):
        messages._decode(type(value), encode_payload(value) + more)


@given(st.sampled_from(list(get_args(messages.Payload))), st.binary(max_size=40))
def test_any_bytes_are_a_value_or_an_error(kind: type[Any], payload: bytes) -> None:
    try:
        value = messages._decode(kind, payload)
    except WireError:
        return
    assert encode_payload(value) == payload


def test_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(WireError, match="does not fit"):
        encode_payload(messages.Block(2**32, 1))


def test_reply_of_another_kind_is_refused() -> None:
    with pytest.raises(WireError, match="0x82 to a request of kind 0x07"):
        decode_reply(Kind.STATUS, 0x82, b"")
