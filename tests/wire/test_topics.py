"""The page names the topics that there are, each with what its events say."""

from __future__ import annotations

import re
from pathlib import Path

from qctl.wire import BODIES, Topic

DOCUMENT = (Path(__file__).parents[2] / "docs" / "wire.md").read_text()


def test_the_page_has_a_row_for_each_topic() -> None:
    table = DOCUMENT.partition("| topic | body |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)\.\w+` \| `\w+`", table, re.M) == list(Topic)


def test_bodies_are_those_of_the_page() -> None:
    table = DOCUMENT.partition("| topic | body |")[2].partition("\n\n")[0]
    values = {"instrument_rows", "taken", "released", "expired"}
    for topic, row in re.findall(r"^\| `(\w+)\.\w+` \| (.*) \|$", table, re.M):
        assert tuple(word for word in re.findall(r"`(\w+)`", row) if word not in values) == BODIES[topic]
