"""Records that were edited, cut or damaged are refused with file and place; nothing else comes of them, and no hang."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qctl.cli.app import main
from qctl.errors import DeviceError, RequestError
from qctl.hil.instruments.modbus_firmware import crc
from qctl.hil.instruments.trigger_packets import Packet, pack
from qctl.hil.record.journal import Journal, read_record
from qctl.hil.record.places import place_at
from qctl.hil.record.stand_in import StandIn

ASK = bytes.fromhex("11 03 0000 0001")
SAID: dict[str, tuple[str, list[tuple[bytes, bytes]]]] = {
    "text": ("TCPIP::127.0.0.1::5025::SOCKET", [(b"FREQ 1\n", b""), (b"FREQ?\n", b"1\n"), (b"#" * 5000, b"7\n")]),
    "lines": ("ASRL/dev/ttyS0::INSTR", [(b"SET A 1\r", b"OK\r"), (b"GET A\r", b"1\r")]),
    "modbus": ("ASRL/dev/ttyS1::INSTR", [(ASK + crc(ASK), b"\x11\x03\x02\x00\x01")]),
    "modbus_tcp": ("TCPIP::127.0.0.1::502::SOCKET", [(b"\0\7\0\0\0\6" + ASK, b"\0\7\0\0\0\5\x11\3\2\0\1")]),
    "http": ("http://127.0.0.1:8080", [(b"GET /a\n", b"200\n{}")]),
    "pyro": ("qick://127.0.0.1:8888/board", []),
    "hislip": ("TCPIP::127.0.0.1::hislip0,4880::INSTR", [(b"*IDN?\n", b"box\n")]),
    "firmware": ("ASRL/dev/ttyS2::INSTR", [(pack(Packet(1, 9, 0, b"ab"))[:-1], pack(Packet(0x81, 9, 0))[:-1])]),
}


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """Return a small record with an instrument of each language."""
    heads = {name: {"model": "x", "language": name.replace("_", "-"), "address": SAID[name][0]} for name in SAID}
    heads["lines"]["end"], heads["modbus"]["unit"] = "\r", "17"
    journal = Journal(tmp_path / "whole", heads)
    for name, (_, told) in SAID.items():
        for said, answer in told:
            journal.put(name, "sent", said)
            journal.put(name, "received", answer)
    journal.close()
    return tmp_path / "whole"


def used(folder: Path) -> str:
    """Read a record and ask everything that it knows; return what refuses it, which no other error may."""
    try:
        found = read_record(folder)
        for strict in (True, False):
            rack = StandIn(found, strict, lambda _: None)
            for name, turns in found.turns.items():
                for turn in turns:
                    try:
                        rack.scripts[name].answers(turn.said)
                    except DeviceError:
                        continue
    except RequestError as error:
        return error.message
    return ""


def test_the_whole_record_is_read(whole: Path) -> None:
    assert used(whole) == ""


@pytest.mark.parametrize("name", ["record.json", "traffic.jsonl"])
def test_a_file_that_is_cut_anywhere_or_has_other_bytes_is_read_or_refused(whole: Path, name: str) -> None:
    file, chosen = whole / name, random.Random(1)
    good = file.read_bytes()
    n_refused = 0
    for place in range(len(good)):
        file.write_bytes(good[:place])
        said = used(whole)
        n_refused += bool(said)
        assert not said or str(whole) in said
        file.write_bytes(good[:place] + bytes([good[place] ^ (1 << chosen.randrange(8))]) + good[place + 1 :])
        said = used(whole)
        assert not said or str(whole) in said or "record's instrument" in said, said
    assert n_refused == 0 if name == "traffic.jsonl" else n_refused > len(good) // 2


MANY = "9" * 5000
STRANGE = [None, True, -1, 0, 1e308, 10**400, "", "é", "\ud800", [], {}, [[]], MANY, "http://[", "x" * 70_000]


@pytest.mark.parametrize("key", ["time_s", "instrument", "event", "text", "base64", "sha256", "n_bytes", "more"])
def test_values_of_other_types_in_a_line_are_refused_with_its_number(whole: Path, key: str) -> None:
    lines = (whole / "traffic.jsonl").read_text().splitlines()
    place = next(k for k, line in enumerate(lines) if json.loads(line).get(key) is not None or key == "more")
    for value in [*STRANGE, "received", "../../etc/passwd"]:
        changed = json.loads(lines[place]) | {key: value}
        said = _edited(whole, [*lines[:place], json.dumps(changed), *lines[place + 1 :]])
        assert not said or "traffic.jsonl: line " in said, said
    gone = {name: value for name, value in json.loads(lines[place]).items() if name != key}
    said = _edited(whole, [*lines[:place], json.dumps(gone), *lines[place + 1 :]])
    assert f"line {place + 1} can't be read: " in said or key == "more", said


def _edited(folder: Path, lines: list[str]) -> str:
    (folder / "traffic.jsonl").write_text("\n".join(lines) + "\n")
    return used(folder)


@pytest.mark.parametrize("key", ["model", "language", "address", "end", "unit", "more"])
@pytest.mark.parametrize("name", SAID)
def test_values_of_other_types_in_the_head_are_refused_with_its_instrument(whole: Path, name: str, key: str) -> None:
    head = json.loads((whole / "record.json").read_text())
    entry = dict(head["instruments"][name])
    for value in [*STRANGE, "modbus", "TCPIP::127.0.0.1::99999::SOCKET", "tcp://127.0.0.1:99999", "tcp://[::1", "99"]:
        head["instruments"][name] = entry | {key: value}
        (whole / "record.json").write_text(json.dumps(head))
        said = used(whole)
        assert not said or name in said or "record.json" in said or "traffic.jsonl: line" in said, said
    if key in ("model", "language", "address"):
        head["instruments"][name] = {other: value for other, value in entry.items() if other != key}
        (whole / "record.json").write_text(json.dumps(head))
        assert f"record.json: instruments.{name}: Object missing required field `{key}`" in used(whole)


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        (lambda f: (f / "record.json").write_text("[" * 100_000), "record.json can't be read"),
        (lambda f: (f / "record.json").write_text(" " * (1 << 20) + "{}"), "record.json is larger than 1048576 bytes"),
        (lambda f: (f / "traffic.jsonl").write_text("[" * 50_000 + "\n"), "traffic.jsonl: line 1 can't be read"),
        (lambda f: (f / "traffic.jsonl").write_text("{}" * 50_000 + "\n"), "line 1 has over 65536 bytes"),
        (lambda f: (f / "traffic.jsonl").write_bytes(b"\xff\n"), "traffic.jsonl: line 1 can't be read"),
        (lambda f: _pipe(f / "traffic.jsonl"), "is no record of `qctl hil record`: it needs the files"),
        (lambda f: _pipe(f / "record.json"), "is no record of `qctl hil record`: it needs the files"),
        (lambda f: [_pipe(one) for one in (f / "blobs").iterdir()], "is no file of n_bytes = 5000"),
        (lambda f: shutil.rmtree(f / "blobs"), "is no file of n_bytes = 5000"),
        (lambda f: next((f / "blobs").iterdir()).write_bytes(b"1" * 5000), "has other bytes than were recorded"),
        (lambda f: (f / "lab.toml").write_text("a = ["), "whole/lab.toml: "),
        (lambda f: (f / "lab.toml").write_bytes(b"\xff"), "lab.toml: byte 0 is not UTF-8"),
        (lambda f: (f / "lab.toml").write_text("schema = 1"), "whole/lab.toml: name: is missing"),
    ],
)
def test_what_is_broken_is_said_in_one_line(
    whole: Path, breaks: Callable[[Path], Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    breaks(whole)
    with pytest.raises(SystemExit) as ended:
        main(["hil", "replay", str(whole)])
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (1, 1)
    assert words in said and "Traceback" not in said


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("address", ["tcp://[", "tcp://a:99999", "tcp://a:x", f"http://a:{MANY}", f"ASRL{MANY}"])
def test_an_address_that_is_none_is_told_in_a_sentence(address: str) -> None:
    assert isinstance(place_at("a", "", address), str)


def test_requests_that_are_too_short_to_have_a_function_differ_and_are_shown(whole: Path) -> None:
    rack = StandIn(read_record(whole), True, lambda _: None)
    for said in (b"", b"\x11", b"\0\7\0\0\0\1\x11", b"\x11\x05\x01"):
        for name in ("modbus", "modbus_tcp"):
            with pytest.raises(DeviceError, match=f"{name}: command 1 differs from the record"):
                rack.scripts[name].answers(said)
