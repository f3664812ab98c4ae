"""Messages of the wire protocol against the vectors that docs/wire.md has typed by hand."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qctl import wire
from qctl.errors import LimitError, RequestError, VersionError, WireError
from qctl.store.states import NEXT

DOCUMENT = (Path(__file__).parents[2] / "docs" / "wire.md").read_text()

VECTORS = {
    "ping": wire.Ping(id=7),
    "pong": wire.Pong(id=7),
    "set": wire.Set({"lo0": {"power_dbm": -10.0}}, id=1),
    "submit": wire.Submit(("qasm",), 100, id=2),
    "error": wire.Error("limit", "too big", details={"instrument": "lo0"}, id=3),
    "finished": wire.Finished(12, "done", {}, (wire.ArrayPart("iq", "0:m", "<c16", (1,), 0),), id=4),
}


def vectors() -> dict[str, list[bytes]]:
    """Return verb → parts, as the document has them."""
    found = {}
    for verb, block in re.findall(r"^`(\w+)`, id.*?\n\n```vector\n(.*?)```", DOCUMENT, re.S | re.M):
        first, *rest = [line.split("#")[0].strip() for line in block.strip().splitlines()]
        parts = [first, *" ".join(rest).split("--")]
        found[verb] = [bytes.fromhex(part) for part in parts]
    return found


def test_every_vector_is_tested() -> None:
    assert set(vectors()) == set(VECTORS)


def test_numbers_of_numpy_are_sent_as_numbers() -> None:
    values = {"a": np.float64(-10.0), "b": np.int32(3), "c": np.bool_(True), "d": np.float32(0.5), "e": np.str_("x")}
    request, _ = wire.unpack_request(wire.pack(wire.Set({"lo_drive": values}, id=1)))
    assert request.values == {"lo_drive": {"a": -10.0, "b": 3, "c": True, "d": 0.5, "e": "x"}}
    with pytest.raises(RequestError, match="a complex128 can't be sent"):
        wire.pack(wire.Set({"lo_drive": {"a": np.complex128(1j)}}))
    assert wire.error_reply(LimitError("x", place=Path("a"))).details == {"place": "a"}


@pytest.mark.parametrize("verb", VECTORS)
def test_message_is_what_the_document_says(verb: str) -> None:
    magic, head, *buffers = vectors()[verb]
    unpack = wire.unpack_request if verb in ("ping", "set", "submit") else wire.unpack_reply
    assert unpack([magic, head, *buffers]) == (VECTORS[verb], buffers)
    packed = wire.pack(VECTORS[verb], buffers)
    assert packed[0] == magic
    assert msgspec.msgpack.decode(packed[1]) == msgspec.msgpack.decode(head)
    assert len(packed[1]) == len(head)


def test_array_of_the_vector_is_one_minus_two_j() -> None:
    reply, buffers = wire.unpack_reply(vectors()["finished"])
    assert wire.array_from_part(reply.arrays[0], buffers).tolist() == [1 - 2j]


def test_document_names_every_verb_and_key() -> None:
    heads = [*wire.Request.__args__, *wire.Reply.__args__]  # type: ignore[attr-defined]
    for head in heads:
        verb = head.__struct_config__.tag
        row = next(
            (line for line in DOCUMENT.splitlines() if line.startswith("|") and f"`{verb}`" in line.split("|")[1]), ""
        )
        assert row, verb
        for field in head.__struct_fields__:
            assert field == "id" or f"`{field}`" in row, (verb, field)


def test_document_has_the_table_of_states() -> None:
    for state, following in NEXT.items():
        if following:
            table = DOCUMENT.partition("## States of a job")[2]
            row = next(line for line in table.splitlines() if line.startswith(f"| `{state.value}` | "))
            assert set(re.findall(r"`(\w+)`", row.split("|")[2])) == {item.value for item in following}


@pytest.mark.parametrize(
    ("parts", "kind", "word"),
    [
        ([], WireError, "0"),
        ([wire.MAGIC], WireError, "at least 2 parts"),
        ([b"hello", b"\x80"], WireError, "first part"),
        ([b"qctl\x02", b"\x80"], VersionError, "version 2"),
        ([wire.MAGIC, b""], WireError, "head"),
        ([wire.MAGIC, b"\xc1"], WireError, "head"),
        ([wire.MAGIC, b"\x81\xa4verb\xa4nope"], WireError, "nope"),
        ([wire.MAGIC, b"\x82\xa4verb\xa4ping\xa1x\x01"], WireError, "unknown field"),
        ([wire.MAGIC, bytes(wire.MAX_HEAD_BYTES + 1)], WireError, "over"),
        ([wire.MAGIC, b"\x91" * 5000], WireError, "head"),
    ],
)
def test_malformed_message_is_a_wire_error(parts: list[bytes], kind: type[Exception], word: str) -> None:
    with pytest.raises(kind, match=word):
        wire.unpack_request(parts)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=4), st.booleans())
def test_any_bytes_are_a_request_or_a_wire_error(parts: list[bytes], magic: bool) -> None:
    with contextlib.suppress(WireError):
        wire.unpack_request([wire.MAGIC, *parts] if magic else parts)


def test_version_error_names_both_sides_and_the_remedy() -> None:
    with pytest.raises(VersionError) as caught:
        wire.check_release("0.1.4", "0.2.0")
    assert "0.1.4" in caught.value.message and "0.2.0" in caught.value.message and "install" in caught.value.message
    wire.check_release("0.1.0", "0.1.9")


def test_error_crosses_the_wire_with_code_message_job_and_details() -> None:
    error = LimitError("power_dbm = 25 is outside [-60, 10]", instrument="lo0")
    reply, _ = wire.unpack_reply(wire.pack(wire.error_reply(error, 5, job=9)))
    with pytest.raises(LimitError) as caught:
        wire.raise_error(reply)
    assert caught.value.message == error.message
    assert caught.value.details == {"instrument": "lo0", "job": 9}


def test_details_that_msgpack_lacks_become_text() -> None:
    reply = wire.error_reply(LimitError("no", value=1 + 2j))
    assert reply.details == {"value": "(1+2j)"}
    wire.pack(reply)


@pytest.mark.parametrize(
    ("description", "buffers"),
    [
        (wire.ArrayPart("iq", "m", "<c16", (2,), 0), [b"\0" * 16]),
        (wire.ArrayPart("iq", "m", "<c16", (1,), 1), [b"\0" * 16]),
        (wire.ArrayPart("iq", "m", "|O", (2,), 0), [b"\0" * 16]),
        (wire.ArrayPart("iq", "m", "nope", (2,), 0), [b"\0" * 16]),
        (wire.ArrayPart("iq", "m", "<f8", (-2,), 0), [b"\0" * 16]),
        (wire.ArrayPart("iq", "m", "<f8", (2**40, 2**40), 0), [b"\0" * 16]),
    ],
)
def test_array_that_does_not_fit_its_part_is_refused(description: wire.ArrayPart, buffers: list[bytes]) -> None:
    with pytest.raises(WireError):
        wire.array_from_part(description, buffers)


@pytest.mark.parametrize("array", [np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros((0, 4)), np.array(1j)])
def test_array_comes_back_as_it_was(array: Any) -> None:
    part = wire.ArrayPart("iq", "m", array.dtype.str, array.shape, 0)
    found = wire.array_from_part(part, [np.ascontiguousarray(array).tobytes()])
    assert found.shape == array.shape and np.array_equal(found, array)
