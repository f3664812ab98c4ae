"""A rack that was recorded is played again: whole labs, one instrument behind a proxy, and what differs is named."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from replayed import differs, flipped_twice, played_again, recorded_story, running

from qctl.errors import RequestError
from qctl.hil.record.journal import read_record
from qctl.hil.record.recorder import Recorder


def story(lab: Any) -> dict[str, Any]:
    """Return what is measured by a few runs, and what an instrument says."""
    return flipped_twice(lab) | {"power": lab.instruments["lo_drive"].get("power_dbm")}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return the record of a story on a virtual lab, and what came of it."""
    return recorded_story(tmp_path_factory.mktemp("recorded"), "transmon1", story)


@pytest.mark.parametrize("how", ["--strict", pytest.param("--tolerant", marks=pytest.mark.full)])
def test_a_record_is_played_without_the_lab_and_gives_the_identical_result(
    recorded: tuple[Path, dict[str, Any]], tmp_path: Path, how: str
) -> None:
    record, found = recorded
    assert played_again(record, how, tmp_path, story) == found


@pytest.mark.full
def test_the_first_command_that_differs_ends_a_strict_replay_and_is_named(
    recorded: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    record, _ = recorded
    other = tmp_path / "record"
    other.mkdir()
    for name in ("record.json", "lab.toml"):
        (other / name).write_text((record / name).read_text())
    (other / "blobs").symlink_to(record / "blobs")
    lines = (record / "traffic.jsonl").read_text()
    (other / "traffic.jsonl").write_text(
        re.sub(r'"text": "SOUR:FREQ \d+\\n"', r'"text": "SOUR:FREQ 5000000001\\n"', lines)
    )
    said = differs(other, tmp_path, story)
    named = r"lo_\w+: command \d+ differs from the record: expected 'SOUR:FREQ 5000000001', came 'SOUR:FREQ \d+'"
    assert re.search(named, said), said


def test_one_instrument_is_recorded_for_software_that_knows_no_lab(tmp_path: Path) -> None:
    box = subprocess.Popen(
        [sys.executable, "-m", "qctl.hil.instruments", "--model", "lakeshore-336", "--name", "ls0"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert box.stdout is not None
        address = box.stdout.readline().split()[1]
        with running("hil", "record", "--to", address, "--out", str(tmp_path / "r")) as proxy:
            said = _talk(proxy.address, b"*IDN?\nKRDG? A\n")
    finally:
        box.send_signal(signal.SIGTERM)
        box.wait(10)
        assert box.stdout is not None
        box.stdout.close()
    assert said.startswith(b"LSCI,MODEL336")
    turns = read_record(tmp_path / "r").turns["instrument"]
    assert [turn.said for turn in turns] == [b"*IDN?\n", b"KRDG? A\n"]
    with running("hil", "replay", str(tmp_path / "r")) as rack:
        assert _talk(rack.address, b"*IDN?\nKRDG? A\n") == said


def _talk(address: str, words: bytes) -> bytes:
    import socket

    _, host, port, _ = address.split("::")
    with socket.create_connection((host, int(port)), timeout=10) as plug:
        heard = b""
        for word in words.splitlines(keepends=True):
            plug.sendall(word)
            n_lines = heard.count(b"\n") + 1
            while heard.count(b"\n") < n_lines:
                heard += plug.recv(4096)
        return heard


def test_records_that_are_none_or_damaged_are_refused_with_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="is no record"):
        read_record(tmp_path)
    head = {"schema": 1, "instruments": {"a": {"model": "", "language": "text", "address": "tcp://127.0.0.1:1"}}}
    (tmp_path / "record.json").write_text(json.dumps(head))
    good = '{"time_s": 1.0, "instrument": "a", "event": "sent", "text": "A?"}\n'
    (tmp_path / "traffic.jsonl").write_text(good + "{}\n" + good)
    with pytest.raises(RequestError, match=r"traffic.jsonl: line 2 can't be read"):
        read_record(tmp_path)
    (tmp_path / "traffic.jsonl").write_text(good + good[:30])
    assert len(read_record(tmp_path).turns["a"]) == 1, "a last line that was cut is left out"
    with pytest.raises(RequestError, match="holds a record already"):
        Recorder.of_one(tmp_path, "tcp://127.0.0.1:1", "127.0.0.1:0")
    with pytest.raises(RequestError, match="kept on loopback only"):
        Recorder.of_one(tmp_path / "b", "tcp://127.0.0.1:1", "0.0.0.0:5025")
