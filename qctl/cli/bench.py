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
        typer.Option(help="Write a Markdown page with plots; areas that aren't named stay as they were."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure qctl beside its peers: the same work, in one run, with equal threads."""
    from qctl.bench.areas import machine, present, run_area

    if page is not None and (case or threads):
        raise RequestError("--page wants whole areas: leave out --case and --threads")
    screen = Screen(as_json)
    found: dict[str, Any] = {"areas": {}}
    for area in areas or present():
        with screen.step(area):
            found["areas"][area] = {"machine": machine(), **run_area(area, case or (), threads or ())}
        if not as_json:
            from qctl.bench.page import rows_text

            print(rows_text(found["areas"][area]), flush=True)
        if page is not None:
            from qctl.bench.page import write_page

            write_page(found["areas"], page)
    if as_json:
        print(json.dumps(found))
