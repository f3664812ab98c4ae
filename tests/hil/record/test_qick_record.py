"""A QICK board's calls are recorded and played again without it; what differs is named, and no pickle is loaded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from replayed import FLIP, differs, flipped_twice, played_again, recorded_story

from qctl.hil.record.journal import read_record
from qctl.hil.record.pyro import called, leads_to, led_to, renumbered


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return the record of a story on qick1, and what came of it."""
    return recorded_story(tmp_path_factory.mktemp("recorded"), "qick1", flipped_twice)


@pytest.mark.parametrize("how", ["--strict", pytest.param("--tolerant", marks=pytest.mark.full)])
def test_a_board_is_played_without_it_and_gives_the_identical_result(
    recorded: tuple[Path, dict[str, Any]], tmp_path: Path, how: str
) -> None:
    record, found = recorded
    assert "board0" in read_record(record).turns
    assert played_again(record, how, tmp_path, flipped_twice) == found


@pytest.mark.full
def test_a_changed_call_ends_a_strict_replay_and_is_named(
    recorded: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    record, _ = recorded
    said = differs(record, tmp_path, lambda lab: lab.run(FLIP, shots=201, seed=1).result(60))
    named = r"board0: command \d+ differs from the record: expected (myqick\.\w+)\(.*\], came \1\(.*\]"
    assert re.search(named, said), said


def message(kind: int, data: bytes, number: int = 7) -> bytes:
    """Return a message as Pyro4 itself writes it."""
    from Pyro4.message import Message

    made: bytes = Message(kind, data, 4, 0, number).to_bytes()
    return made


def test_a_call_is_named_from_its_pickle_and_an_answer_led_elsewhere_as_pyro_reads_it() -> None:
    import Pyro4.util
    from Pyro4.core import URI
    from Pyro4.message import MSG_CONNECT, MSG_INVOKE, MSG_RESULT, Message

    pickles = Pyro4.util.get_serializer("pickle")
    data, _ = pickles.serializeCall("myqick", "config_avg", (0, [1.5, "a"]), {"length": 70_000})
    assert called(message(MSG_INVOKE, data)) == ("myqick", "config_avg", [0, 1.5, "a", "length", 70_000])
    data, _ = pickles.serializeData({"handshake": "hello", "object": "Pyro.NameServer"})
    assert called(message(MSG_CONNECT, data)) == ("Pyro.NameServer", "", [])
    data, _ = pickles.serializeData(URI("PYRO:obj_12@192.168.2.99:41234"))
    answer = message(MSG_RESULT, data)
    assert leads_to(answer) == ("obj_12", "192.168.2.99", 41234)
    moved = led_to(answer, "127.0.0.1", 80)
    assert pickles.loads(moved[24:]) == URI("PYRO:obj_12@127.0.0.1:80")
    again = renumbered(moved, message(MSG_INVOKE, b"", number=99))
    assert Message.from_header(again[:24]).seq == 99  # which checks the checksum, too
    for other in (message(MSG_RESULT, b"no pickle"), message(MSG_RESULT, pickles.serializeData([1, "URI"])[0])):
        assert leads_to(other) is None and led_to(other, "h", 1) == other
    assert called(message(MSG_INVOKE, b"\x80\x04\xff")) == ("", "", [])
