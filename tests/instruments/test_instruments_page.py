"""The tables of docs/instruments.md are those that the code writes; run as a script, this file rewrites them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qctl.hil.instruments.models import MODELS as SERVED
from qctl.hil.instruments.qblox.module import KINDS as MODULES
from qctl.hil.instruments.spi_modules import KINDS as RACK_MODULES
from qctl.hil.instruments.zurich.trees import KINDS
from qctl.instruments import capability_page
from qctl.instruments.registry import DESCRIBED, MODELS, OF_BOARDS, capabilities

PAGE = Path(__file__).parents[2] / "docs" / "instruments.md"
OWN = {
    name for name, model in SERVED.items() if model.module in ("shutter_box", "chiller", "water_units", "modbus_units")
}
EMULATED = {*SERVED, *KINDS, *MODULES, *RACK_MODULES} - {"zurich-data-server", "spi-rack", *OF_BOARDS, *OWN}
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"


def page() -> str:
    """Return docs/instruments.md with its tables made anew."""
    head, rest = PAGE.read_text("utf-8").split(BEGIN)
    overview, _, details = capability_page.page().partition("\n\n")
    return f"{head}{BEGIN}\n\n{overview}\n\n## Limits\n\n{details}\n\n{END}{rest.split(END)[1]}"


def test_the_page_is_what_the_code_writes() -> None:
    assert PAGE.read_text("utf-8") == page(), "run python tests/instruments/test_instruments_page.py"


def test_the_level_of_emulation_is_given_where_there_is_an_emulator() -> None:
    assert {name for name, table in capabilities().items() if table.standing.level is not None} == EMULATED


def test_every_model_of_the_registry_is_on_the_page_as_the_registry_has_it() -> None:
    text = PAGE.read_text("utf-8")
    for name, model in MODELS.items():
        if name in DESCRIBED:
            continue
        if name in OF_BOARDS:
            assert f"`{name}`" in text and model.family
            continue
        (row,) = re.findall(rf"^\| \[.*`{name}` \|.*$", text, re.M)
        cells = [cell.strip() for cell in row.split("|")]
        assert cells[3] == ("yes" if model.family else "takes no programs") and cells[4] == (
            "yes" if model.driver else "no"
        )


def test_every_link_of_the_overview_has_its_section() -> None:
    text = PAGE.read_text("utf-8")
    titles = re.findall(r"^### (.+)$", text, re.M)
    anchors = {"".join(c for c in t.lower() if c.isalnum() or c in " -_").replace(" ", "-") for t in titles}
    links = re.findall(r"\]\(#([^)]+)\)", text)
    assert links and set(links) == anchors and len(set(anchors)) == len(titles)


def test_the_example_of_the_page_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = re.findall(r"```(?:python)?\n(.*?)```", PAGE.read_text("utf-8"), re.S)[:2]
    exec(compile(code, "instruments.md", "exec"), {})
    assert capsys.readouterr().out == said


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
