"""`qctl asm` and `qctl dis` are each other's inverse."""

import json

import pytest
import typer
from typer.testing import CliRunner

import qctl
from qctl.cli.assembly import asm, dis
from qctl.errors import ParseError, QctlError, RequestError, WireError

TEXT = "qis 1.0\ntick 1/1000000000000\nqubits q0 q1\nbits c0 c1\nh q0\ncx q0, q1\nmeasure q0, c0\n"

app = typer.Typer()
app.command()(asm)
app.command()(dis)


@pytest.mark.parametrize("flags", [[], ["--packed"]])
def test_text_to_qis_and_back(tmp_path, flags):
    source = tmp_path / "bell.qst"
    source.write_text(TEXT)
    done = CliRunner().invoke(app, ["asm", str(source), "--json", *flags])
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert told["n_instructions"] == 3
    target = tmp_path / "bell.qis"
    assert told["hash"] == qctl.Program.from_bytes(target.read_bytes()).hash
    assert CliRunner().invoke(app, ["dis", str(target)]).stdout == TEXT
    out = tmp_path / "again.qst"
    assert CliRunner().invoke(app, ["dis", str(target), "--out", str(out)]).stdout == ""
    assert out.read_text() == TEXT


@pytest.mark.parametrize(
    ("command", "content", "kind", "words"),
    [
        ("asm", b"qis 1.0\nfoo", ParseError, "line 2, column 1: instruction = 'foo' is unknown"),
        ("asm", b"\xff", ParseError, "byte 0 is not UTF-8 text"),
        ("dis", b"nothing", WireError, "7 bytes are below 48"),
        ("dis", None, RequestError, "No such file"),
    ],
)
def test_failures_are_errors_of_the_tree(tmp_path, command, content, kind, words):
    source = tmp_path / "x"
    if content is not None:
        source.write_bytes(content)
    done = CliRunner().invoke(app, [command, str(source)])
    assert isinstance(done.exception, kind)
    assert isinstance(done.exception, QctlError)
    assert words in str(done.exception)


@pytest.mark.parametrize("flags", [[], ["--out", "./bell.qis"]])
def test_text_is_never_overwritten_by_its_own_program(tmp_path, monkeypatch, flags):
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "bell.qis"
    source.write_text(TEXT)
    done = CliRunner().invoke(app, ["asm", "bell.qis", *flags])
    assert isinstance(done.exception, RequestError) and "written over its own text" in done.exception.message
    assert source.read_text() == TEXT
