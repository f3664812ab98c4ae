"""`qctl hil fault` says in words when there is nothing to show."""

import json

import pytest
from typer.testing import CliRunner

from qctl.cli import hil

FAULT = ["scale", "q0.drive", 0.5]


def said(monkeypatch, answer, *words):
    monkeypatch.setattr(hil, "_ask", lambda *_, **__: answer)
    found = CliRunner().invoke(hil.hil, ["fault", *words])
    assert found.exit_code == 0, found.output
    return found.output


@pytest.mark.parametrize(
    ("words", "key", "text"),
    [("list", "faults_set", "no faults are set\n"), ("clear", "faults_cleared", "no such fault was set\n")],
)
def test_no_fault_is_said_in_words(monkeypatch, words, key, text):
    assert said(monkeypatch, {key: []}, words) == text
    assert "scale" in said(monkeypatch, {key: [FAULT]}, words)
    assert "no " not in said(monkeypatch, {key: [FAULT]}, words)
    empty = json.loads(said(monkeypatch, {key: []}, words, "--json"))
    assert empty in ([], {"ok": True, "cleared": []})
