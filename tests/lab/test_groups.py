"""Groups: what plays a run together shares a host, whether lab.toml says so or not."""

import re
from pathlib import Path

import pytest

from qctl.lab import parse_lab
from qctl.lab.groups import group_of, groups_of

TEXT = (Path(__file__).parents[1] / "support" / "transmon5.toml").read_text().replace('group = "rack"\n', "")
PLAYERS = ("awg0", "awg1", "awg2", "awg3", "awg4", "dig0", "trig0")


def named(text: str, name: str, group: str) -> str:
    """Give an instrument a group."""
    return text.replace(f"[instruments.{name}]\n", f'[instruments.{name}]\ngroup = "{group}"\n')


def test_what_plays_a_run_shares_a_host_without_a_word_in_the_file() -> None:
    groups = groups_of(parse_lab(TEXT))
    assert groups["awg0"] == PLAYERS
    assert {name for names in groups.values() if len(names) == 1 for name in names} == {"dc0", "lo_drive", "lo_readout"}


def test_a_rack_of_the_manual_plays_on_one_host() -> None:
    page = (Path(__file__).parents[2] / "docs" / "lab.md").read_text()
    example = re.search(r"```toml\n(schema = 1.*?)```", page, re.S)
    assert example is not None and "group" not in example[1]
    assert groups_of(parse_lab(example[1]))["awg0"] == ("awg0", "awg1", "dig0", "trig0")


@pytest.mark.parametrize("one", ["awg2", "trig0"])
def test_a_group_that_one_of_them_names_is_the_others_too(one: str) -> None:
    lab = parse_lab(named(named(TEXT, one, "fast"), "dc0", "fast"))
    assert sorted(groups_of(lab)["fast"]) == sorted((*PLAYERS, "dc0"))
    assert group_of(lab, "lo_drive") == "lo_drive"


def test_several_names_stay_as_they_are() -> None:
    lab = parse_lab(named(named(TEXT, "awg2", "fast"), "dig0", "slow"))
    assert [group_of(lab, name) for name in ("awg0", "awg2", "dig0", "trig0")] == ["awg0", "fast", "slow", "trig0"]


def test_processors_that_share_a_trigger_share_a_host() -> None:
    """The rack once more, with other names and addresses for all but the trigger and the sources."""
    shared = ("[instruments.trig0]", "[instruments.lo_")
    twice = [part for part in re.split(r"(?m)^(?=\[)", TEXT)[1:] if not part.startswith(shared)]
    other = "".join(twice).replace("127.0.0.1", "127.0.0.2").replace("qpu0", "qpu1")
    other = re.sub(r"\b(q|awg|dig|dc|f)(?=\d)", r"other_\1", other)
    groups = groups_of(parse_lab(TEXT + other))
    assert sorted(groups["awg0"]) == sorted((*PLAYERS, *(f"other_{name}" for name in PLAYERS if name != "trig0")))
    assert groups["other_dc0"] == ("other_dc0",)
