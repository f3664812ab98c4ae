"""`qctl bench`: measure qctl beside its peers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from qctl.cli.screen import Screen
from qctl.errors import RequestError

__all__ = ["bench"]


def bench(
    areas: Annotated[list[str] | None, typer.Argument(help="Areas; all without one.", metavar="[AREA]...")] = None,
    case: Annotated[list[str] | None, typer.Option(help="Only this case (again for more).")] = None,
    threads: Annotated[list[int] | None, typer.Option(help="Only this number of threads (again for more).")] = None,
    page: Annotated[
        Path | None,
        typer.Option(help="Write a Markdown page with plots; areas and cases that aren't named stay as they were."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure qctl beside its peers: the same work, in one run, with equal threads."""
    from qctl.bench.areas import joined, machine, present, run_area
    from qctl.bench.page import kept_areas, rows_text, write_page

    if case and len(areas or ()) != 1:
        raise RequestError("--case wants one area, the one that the case is of")
    before = {} if page is None else kept_areas(page)
    screen = Screen(as_json)
    found: dict[str, Any] = {"areas": {}}
    for area in areas or present():
        with screen.step(area):
            partly = area in before and bool(case or threads)
            if partly:
                joined(before[area], {"machine": machine(), "cases": []}, area)  # refuses before it measures
            measured = run_area(area, case or (), threads or ())
        found["areas"][area] = measured
        if not as_json:
            print(rows_text(measured), flush=True)
        if page is not None:
            write_page({area: joined(before[area], measured, area) if partly else measured}, page)
    if as_json:
        print(json.dumps(found))
