"""Scenario files: what is refused, with file, key and bound; and that those that ship are read."""

from __future__ import annotations

from pathlib import Path

import pytest

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


def test_a_scenario_for_each_fault_ships() -> None:
    scenarios = {name: read_scenario(path) for name, path in shipped().items()}
    made = {step.fault for one in scenarios.values() for step in one.steps if hasattr(step, "fault")}
    assert set(FAULTS) - made == set(), "these faults have no scenario"
    assert all(one.description for one in scenarios.values())
