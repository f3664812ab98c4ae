"""A record that somebody else made: names, hashes and lines that are not what a recorder writes are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qctl.errors import RequestError
from qctl.hil.record.journal import Journal, read_record
from qctl.hil.record.places import loopback, with_addresses

BOX = {"model": "x", "language": "text", "address": "TCPIP::127.0.0.1::5025::SOCKET"}


def written(folder: Path, instruments: Any, *lines: dict[str, Any]) -> Path:
    (folder / "record.json").write_text(json.dumps({"schema": 1, "instruments": instruments}))
    (folder / "traffic.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.mark.parametrize("name", ["/tmp/x", "../x", ".", "", "a/b", "a b", "x\n"])
def test_a_name_that_no_instrument_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"record\.json.*names that no instrument"):
        read_record(written(tmp_path, {name: BOX}))


@pytest.mark.parametrize("instruments", [None, [], ["lo0"], 3])
def test_a_record_without_instruments_is_refused(instruments: Any, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="names that no instrument"):
        read_record(written(tmp_path, instruments))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/dev/zero", "ab", "A" * 64])
def test_bytes_are_read_from_their_hashes_alone(name: str, tmp_path: Path) -> None:
    line = {"time_s": 1.0, "instrument": "lo0", "event": "sent", "sha256": name, "n_bytes": 5000}
    with pytest.raises(RequestError, match="no SHA-256"):
        read_record(written(tmp_path, {"lo0": BOX}, line))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "record", {"lo0": BOX})
    said = [b"FREQ?\n", bytes(range(256)), b"#" * 5000]
    for data in said:
        journal.put("lo0", "sent", data)
    journal.close()
    found = read_record(tmp_path / "record")
    assert ([turn.said for turn in found.turns["lo0"]], found.cut) == (said, "")


def test_a_record_without_an_end_says_so(tmp_path: Path) -> None:
    journal = Journal(tmp_path, {"lo0": BOX})
    journal.put("lo0", "sent", b"FREQ?\n")
    whole = (tmp_path / "traffic.jsonl").read_text()
    for text in (whole, whole + '{"time_s": 1.0, "instru'):
        (tmp_path / "traffic.jsonl").write_text(text)
        found = read_record(tmp_path)
        assert [turn.said for turn in found.turns["lo0"]] == [b"FREQ?\n"]
        assert "traffic.jsonl has no end: its recorder was killed" in found.cut


@pytest.mark.parametrize("listen", ["0.0.0.0:5025", "127.0.0.1:99999", "127.0.0.1:x", "5025", "192.168.0.1:5025"])
def test_nothing_listens_but_on_this_machine(listen: str) -> None:
    with pytest.raises(RequestError, match="--listen"):
        loopback(listen)


def test_addresses_are_replaced_at_once_though_a_new_one_was_anothers() -> None:
    text = "a = \"A\"\nb = 'B'\nc = \"C\"\nd = 'A'\n"
    assert with_addresses(text, {"A": "B", "B": "C", "C": "A"}) == 'a = "B"\nb = "C"\nc = "A"\nd = "B"\n'
    assert with_addresses(text, {}) == text
    with pytest.raises(RequestError, match=r"lab\.toml: the address E is not written as a plain text in quotes"):
        with_addresses(text, {"A": "B", "E": "F"})
