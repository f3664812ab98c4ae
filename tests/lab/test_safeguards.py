"""Interlocks and the tree of clocks in lab.toml: what can't be is refused with its path."""

from __future__ import annotations

from pathlib import Path

import pytest

from qctl.errors import RequestError
from qctl.lab import parse_lab
from qctl.lab.safeguards import clock_root

LAB = (Path(__file__).parents[1] / "support" / "transmon5.toml").read_text("utf-8")
NAMES = list(parse_lab(LAB).instruments)
AWGS = [name for name in NAMES if name.startswith("awg")]


def with_clock(text: str, name: str, source: str) -> str:
    """Return a lab in which an instrument's clock comes from another one."""
    return text.replace(f"[instruments.{name}]\n", f'[instruments.{name}]\nclock_source = "{source}"\n')


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('instrument = "fidge"\nparameter = "t_k"\nmax = 1.0', r"interlocks.mxc.instrument: .*no instrument 'fidge'"),
        ('instrument = "trig0"\nparameter = "t_k"', r"interlocks.mxc: has neither min nor max"),
        ('instrument = "trig0"\nparameter = "t_k"\nmin = 2.0\nmax = 1.0', r"min = 2 is above max = 1"),
    ],
)
def test_interlock_that_guards_nothing_is_refused(more: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        parse_lab(f"{LAB}\n[interlocks.mxc]\n{more}\n")


def test_clocks_are_followed_to_their_root_and_roots_come_last() -> None:
    lab = parse_lab(with_clock(with_clock(LAB, AWGS[0], AWGS[1]), AWGS[1], "trig0"))
    assert clock_root(lab, AWGS[0]) == "trig0"
    assert lab.clocks_of([AWGS[0]]) == (AWGS[0], AWGS[1], "trig0")


@pytest.mark.parametrize(
    ("clocks", "words"),
    [
        ({AWGS[0]: "nowhere"}, f"instruments.{AWGS[0]}.clock_source: .*no instrument 'nowhere'"),
        ({AWGS[0]: AWGS[1], AWGS[1]: AWGS[0]}, "the clocks go in a circle"),
        ({"trig0": AWGS[0]}, "instruments.trig0.reference: is not external"),
    ],
)
def test_clock_from_nowhere_is_refused(clocks: dict[str, str], words: str) -> None:
    text = LAB
    for name, source in clocks.items():
        text = with_clock(text, name, source)
    with pytest.raises(RequestError, match=words):
        parse_lab(text)


def test_two_trees_of_clocks_on_one_processor_are_refused() -> None:
    text = with_clock(with_clock(LAB, AWGS[0], "trig0"), AWGS[1], AWGS[2])
    with pytest.raises(RequestError, match=f"locked to different clocks, .*{AWGS[2]}"):
        parse_lab(text)
