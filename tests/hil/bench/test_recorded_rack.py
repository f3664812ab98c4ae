"""A scenario on a rack that is played from a record: the command that differs is named wherever results are told."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from html import unescape
from pathlib import Path

import junitparser
import pytest
from replayed import running, served

pytestmark = pytest.mark.timeout(240)
SCENARIO = """
schema = 1
name = "the night"

[lab]
record = "record"

[[steps]]
do = "set"
instrument = "shutter0"
parameter = "dac1_v"
value = 0.25

[[steps]]
do = "get"
instrument = "shutter0"
parameter = "dac1_v"
expect = { value = 0.25, unit = "V" }
"""


LAB = """
schema = 1
name = "a box alone"

[instruments.shutter0]
model = "line-firmware"
address = "ADDRESS"
lines = { identity = "ID", answer = "OK", refusals = ["ERR"] }

[instruments.shutter0.parameter.dac1_v]
send = "SET DAC 1 {value}"
ask = "GET DAC 1"
reply = "DAC 1 = {value} V"
digits = 3
unit = "V"
limits = [-1.0, 1.0]
"""


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the record of the same steps with a box alone."""
    folder = tmp_path_factory.mktemp("recorded")
    words = [sys.executable, "-m", "qctl.hil.instruments", "--model", "plain-shutter-box", "--name", "shutter0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as box, ExitStack() as stack:
        stack.callback(box.terminate)
        assert box.stdout is not None
        (folder / "lab.toml").write_text(LAB.replace("ADDRESS", box.stdout.readline().split()[1]))
        words = ["--lab", str(folder / "lab.toml"), "--out", str(folder / "record")]
        proxies = stack.enter_context(running("hil", "record", *words))
        lab = stack.enter_context(served(proxies.address, folder / "store"))
        lab.instruments["shutter0"].set("dac1_v", 0.25)
        assert lab.instruments["shutter0"].get("dac1_v") == 0.25
    return folder / "record"


def played(record: Path, folder: Path, was: str = "", now: str = "") -> subprocess.CompletedProcess[str]:
    """Play the scenario against the record, with another text in its lab.toml: the driver says something else then."""
    shutil.copytree(record, folder / "record", ignore=lambda _, names: [one for one in names if one.endswith(".pty")])
    lab = (record / "lab.toml").read_text()
    assert was in lab
    (folder / "record" / "lab.toml").write_text(lab.replace(was, now))
    (folder / "night.toml").write_text(SCENARIO)
    words = ["hil", "run", "night.toml", "--junit", "junit.xml", "--html", "report.html"]
    return subprocess.run(
        [sys.executable, "-m", "qctl", *words], cwd=folder, capture_output=True, text=True, check=False
    )


def test_what_came_as_recorded_passes(record: Path, tmp_path: Path) -> None:
    done = played(record, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("was", "now", "named", "n_steps"),
    [
        ("digits = 3", "digits = 2", r"shutter0: command \d+ differs from the record: expected 'SET DAC 1 0.250'", 1),
        pytest.param(
            *('identity = "ID"', 'identity = "WHO"', r"shutter0: command 1 differs from the record: expected 'ID'", 0),
            marks=pytest.mark.full,
        ),
    ],
    ids=["in a step", "when the link opens"],
)
def test_a_changed_command_is_named_in_reports_and_by_the_command_line(
    record: Path, tmp_path: Path, was: str, now: str, named: str, n_steps: int
) -> None:
    done = played(record, tmp_path, was, now)
    assert done.returncode == 1
    assert re.search(named, done.stderr), done.stderr
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    cases = list(suite)
    assert len(cases) == n_steps + 1
    failed = [failure.text for case in cases for failure in case.result]
    assert any(re.search(named, text) for text in failed), failed
    assert re.search(named, unescape((tmp_path / "report.html").read_text()))
