"""Scenario files: what is refused, with file, key and bound; and that those that ship are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qctl.cli.app import main
from qctl.errors import ParseError, RequestError
from qctl.hil.bench.scenario import read_scenario, shipped
from qctl.hil.plant.faults import FAULTS

BEGIN = 'schema = 1\nname = "a"\n'
GET = '[[steps]]\ndo = "get"\ninstrument = "lo0"\nparameter = "p"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BEGIN, "bad.toml: steps: is missing"),
        (BEGIN + "steps = []\n", "bad.toml: steps: there is none"),
        (BEGIN + GET + 'valu = 3\n', "bad.toml: steps[0].valu: unknown key"),
        (BEGIN + '[[steps]]\ndo = "smash"\n', "bad.toml: steps[0].do: 'smash' is not one of 'set', 'get'"),
        (BEGIN + GET + "repeat = 0\n", "bad.toml: steps[0].repeat: 0 is outside [1, 1e+06]"),
        (BEGIN + GET + "expect = { min = nan }\n", "bad.toml: steps[0].expect.min: nan is not a finite number"),
        (BEGIN + GET + 'expect = { min = "1" }\n', "bad.toml: steps[0].expect.min: expected a number"),
        (BEGIN + GET + "expect = { min = 2.0, max = 1.0 }\n", "bad.toml: steps[0].expect.min: 2 is above max = 1"),
        (BEGIN + GET + 'expect = { chance = { "00" = {} } }\n', "only a run has counts"),
        (BEGIN + GET + 'expect = { words = "x" }\n', "name its code in error, too"),
        (BEGIN + '[[steps]]\ndo = "fault"\nfault = "fire"\n', "bad.toml: steps[0].fault: 'fire' is not one of"),
        (BEGIN + '[[steps]]\ndo = "run"\n', "bad.toml: steps[0]: a run needs either program or file"),
        (BEGIN + '[lab]\nvirtual = "mars"\n' + GET, "bad.toml: lab.virtual: 'mars' is not one of"),
        (BEGIN + '[lab]\nvirtual = "transmon2"\nserver = "tcp://a:1"\n' + GET, "names virtual and server of"),
        (BEGIN + GET + "[limits.got]\nmax_s = 1.0\n", "bad.toml: limits.got: is no kind of step"),
        (BEGIN + GET + "[limits.get]\nmax_s = -1.0\n", "bad.toml: limits.get.max_s: -1 is outside [0, 86400]"),
        (BEGIN + GET + 'expect = { error = "devise" }\n', "expect.error: there is no error code 'devise', did"),
        (BEGIN + GET + '[steps.expect]\nevent = { topic = "links.a" }\n', "event.topic: no event is called 'links'"),
        (BEGIN + '[[steps]]\ndo = "fault"\nfault = "cut"\non = "lo9"\n', "bad.toml: steps[0]: 'lo9' is not one of"),
        (
            BEGIN + '[[steps]]\ndo = "fault"\nfault = "warm"\non = "lo_drive"\n',
            "bad.toml: steps[0]: warm is set on a refrigerator, and lo_drive (rohde-schwarz-sgs100a) is none",
        ),
        (
            BEGIN + '[[steps]]\ndo = "fault"\nfault = "lost"\non = "lo_drive"\nvalue = 2.0\n',
            "bad.toml: steps[0]: fault lost: value 2.0 (share of bytes or datagrams) is outside [0, 1]",
        ),
        ("schema = 2\nname = 'a'\n" + GET, "bad.toml: schema: 2 is outside [1, 1]"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_file_key_and_bound(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(RequestError) as caught:
        read_scenario(file)
    assert words in caught.value.message


def test_a_file_that_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text("schema = 1\nname = \n")
    with pytest.raises(ParseError, match=r"bad.toml: .*line 2"):
        read_scenario(file)


NAMES = """
schema = 1
name = "a\\u001b[2J"
nmae = 3
[lab]
virtual = "transmon2"
[[steps]]
do = "kill"
what = "lo9"
[[steps]]
do = "get"
instrument = "lo_drive"
parameter = "power_dbm"
repeat = 0
[[steps]]
do = "wait"
name = "x\\u0000"
[steps.expect]
event = { topic = "link.lo9", holds = { state = "upp", stat = 1 }, words = { wy = "a" } }
link = { q = "up" }
[[steps]]
do = "wait"
expect = { event = { topic = "value.lo_drive.power_dbm" } }
[[steps]]
do = "wait"
expect = { event = { topic = "calibration.qpu9" } }
[[steps]]
do = "wait"
expect = { event = { topic = "job.last" } }
"""
TOLD = [
    "nmae: unknown key, did you mean name?",
    "steps[1].repeat: 0 is outside [1, 1e+06]",
    r"name: 'a\\x1b[2J' has characters that no line can show",
    r"steps[2].name: 'x\\x00' has characters that no line can show",
    "steps[0].what: 'lo9' is no process of this lab that can be killed; there are awg0, awg1, dc0, dig0, lo_drive, "
    "lo_readout, trig0, server",
    "steps[2]: this lab has no instrument 'q'; it has awg0, awg1, dc0, dig0, lo_drive, lo_readout, trig0",
    "steps[2].expect.event.topic: nobody sends 'link.lo9': after link comes one of awg0, awg1, dc0",
    "steps[2].expect.event.holds.stat: events of link have no such word; they have instrument, state, link, why",
    "steps[2].expect.event.words.wy: events of link have no such word",
    "steps[2].expect.event.holds.state: no link is ever 'upp'; they are up, degraded, down",
    "steps[3].expect.event.topic: nobody sends 'value.lo_drive.power_dbm': after value comes one of",
    "steps[4].expect.event.topic: nobody sends 'calibration.qpu9': after calibration comes one of qpu0",
    "steps[5].expect.event.topic: nobody sends 'job.last': after job comes the number of a job",
]


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(NAMES)
    with pytest.raises(RequestError) as caught:
        read_scenario(file)
    found = caught.value.details["problems"]
    missing = [words for words in TOLD if not any(one.startswith(f"bad.toml: {words}") for one in found)]
    assert (missing, len(found)) == ([], len(TOLD)), found


def test_names_are_those_of_the_lab_that_is_played_against(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(BEGIN + '[[steps]]\ndo = "kill"\nwhat = "awg4"\n[[steps]]\ndo = "restart"\n')
    assert read_scenario(file).lab.virtual == "transmon2", "names are left to the bench where no lab is given"
    with pytest.raises(RequestError, match="'awg4' is no process of this lab"):
        read_scenario(file, "")
    assert read_scenario(file, "transmon5").lab.virtual == "transmon5"
    with pytest.raises(RequestError, match="none that this bench has started") as caught:
        read_scenario(file, "tcp://127.0.0.1:5650")
    assert "steps[1]: the server was not started by this bench" in caught.value.details["problems"][1]
    (tmp_path / "lab.toml").write_text("schema = 1\n")
    with pytest.raises(RequestError, match=r"a\.toml: lab\.file: lab\.toml: name: is missing"):
        read_scenario(file, str(tmp_path / "lab.toml"))


def test_a_command_refuses_all_files_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("qctl.hil.bench.rack.open_lab", lambda *_: pytest.fail("a lab was started"))
    (tmp_path / "one.toml").write_text(NAMES)
    two = BEGIN + '[[steps]]\ndo = "run"\nprogram = "x"\n[[steps]]\ndo = "calibrate"\nnodes = ["a", "b"]\n'
    (tmp_path / "two.toml").write_text(two)
    for words in ([], ["--json"]):
        with pytest.raises(SystemExit) as ended:
            main(["hil", "run", str(tmp_path / "one.toml"), str(tmp_path / "two.toml"), *words])
        said = capsys.readouterr()
        told = json.loads(said.out)["problems"] if words else said.err.splitlines()
        assert (ended.value.code, len(told)) == (1, len(TOLD) + 3), told
        assert "\x1b" not in said.err + said.out
        assert any("two.toml: steps[1].nodes: 'b' is none of" in one for one in told)


def test_a_scenario_for_each_fault_ships() -> None:
    scenarios = {name: read_scenario(path) for name, path in shipped().items()}
    made = {step.fault for one in scenarios.values() for step in one.steps if hasattr(step, "fault")}
    assert set(FAULTS) - made == set(), "these faults have no scenario"
    assert all(one.description for one in scenarios.values())
