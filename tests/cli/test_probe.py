"""`qctl probe`: what it prints for what answers, and one line for what doesn't."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from qctl.cli.app import main

SUPPORT = Path(__file__).parents[1] / "support"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["probe", *arguments])
    got = capsys.readouterr()
    return int(ended.value.code or 0), got.out, got.err


def test_what_answers_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SUPPORT))
    from emulators import emulator

    with emulator("keysight-e8257d", "lo0", tmp_path) as box:
        code, text, _ = run(capsys, f"127.0.0.1:{box.port}", "--name", "lo0")
        assert code == 0
        assert 'model = "keysight-e8257d"' in text
        code, text, _ = run(capsys, box.address, "--json")
        found = json.loads(text)
    assert (code, found["ok"], found["model"], found["sent_end"]) == (0, True, "keysight-e8257d", "\n")
    assert found["identity"].startswith("Agilent Technologies, E8257D")


def test_what_does_not_answer_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    code, text, error = run(capsys, f"127.0.0.1:{port}", "--timeout", "2")
    assert (code, text, error.count("\n")) == (1, "", 1)
    assert f"qctl probe: TCPIP::127.0.0.1::{port}::SOCKET" in error
    code, text, _ = run(capsys, f"127.0.0.1:{port}", "--timeout", "2", "--json")
    assert (code, json.loads(text)["ok"]) == (1, False)
