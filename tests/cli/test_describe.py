"""`qctl instruments describe`: the page of a declared model, without a server."""

from __future__ import annotations

import json

import pytest

from qctl.cli.app import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["instruments", "describe", *arguments])
    got = capsys.readouterr()
    return int(ended.value.code or 0), got.out, got.err


def test_page_of_a_model_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "minicircuits-rcdat")
    assert code == 0
    assert "| `attenuation_db` | dB | 0 to 120 (lab.toml must bound it) | `SETATT={value}` | `ATT?` |" in text
    code, text, _ = run(capsys, "lakeshore-336", "--json")
    assert "`RANGE {n},{value}`" in json.loads(text)["page"]


@pytest.mark.parametrize(
    ("model", "words"), [("tektronix-awg5014c", "is not declared by a table"), ("x", "is not known")]
)
def test_model_without_a_table_is_one_line(capsys: pytest.CaptureFixture[str], model: str, words: str) -> None:
    code, text, error = run(capsys, model)
    assert (code, text, error.count("\n")) == (1, "", 1)
    assert words in error
