"""The blocks of docs/compiling-pulses.md run one after the other, and print what the page says."""

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("lab", ["tests/support/transmon5.toml", "docs/examples/qblox2.toml"])
def test_the_page_runs_as_it_stands(lab, tmp_path, monkeypatch, capsys):
    shutil.copy(ROOT / lab, tmp_path / "lab.toml")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "compiling-pulses.md").read_text()
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.S):
        exec(compile(block, "compiling-pulses.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "20 sequence"
    assert printed[2].endswith("sx on q0")
    assert printed[3].startswith("True 1 ")
