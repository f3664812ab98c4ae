"""`qctl instruments`: list instruments, get and set their parameters, call their methods."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Annotated, Any

import typer

__all__ = ["instruments"]

instruments = typer.Typer(
    no_args_is_help=True, add_completion=False, help="List instruments, get and set their parameters."
)

Server = Annotated[str, typer.Option(help="Address of the server.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="Instrument, as in lab.toml.", metavar="INSTRUMENT")]
_ADDRESS = "tcp://127.0.0.1:5650"


def _value(text: str) -> Any:
    """Return a word of the command line as number, boolean or text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, int | float | bool) else text


@instruments.command("list")
def list_instruments(server: Server = _ADDRESS, as_json: AsJson = False) -> None:
    """List instruments with the state of their links: since when, what went wrong last, what was lost with it."""
    from qctl.cli.app import print_json
    from qctl.client import connect

    with connect(server) as lab:
        rows = lab.instrument_rows()
    if as_json:
        print_json(rows)
        return
    for row in rows:
        sys.stdout.write(f"{row['name']:<14} {row['link']:<13} {row['model']:<24} {row['address']}\n")
        for line in _troubles(row):
            sys.stdout.write(f"{'':<14} {line}\n")


def _troubles(row: dict[str, Any]) -> list[str]:
    """Return what there is to say of a link beside its state: since when, the last error, retries, lost settings."""
    found = []
    since = f"since {datetime.fromtimestamp(row['since_s']):%Y-%m-%d %H:%M:%S}" if row.get("since_s") else "just now"
    if row["link"] != "up":
        tried = f", {row['n_retries']} failed attempts" if row.get("n_retries") else ""
        found.append(f"{since}{tried}: {row.get('why') or 'no reason known'}")
    elif row.get("n_lost"):
        found.append(f"{since}, lost {row['n_lost']} times, last: {row['last_error']}")
    lost = row.get("settings", ())
    found += row.get("lacks", ())
    return found + [f"{one['parameter']} = {one['found']} since reconnecting, set was {one['set']}" for one in lost]


@instruments.command()
def get(
    instrument: Name,
    parameter: Annotated[str, typer.Argument(help="Parameter; all of them by default.", metavar="[PARAMETER]")] = "",
    server: Server = _ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Ask an instrument for one parameter, or for all."""
    from qctl.cli.app import print_json
    from qctl.client import connect

    with connect(server) as lab:
        lab.description.instrument(instrument)
        if parameter:
            values = {parameter: lab.instruments[instrument].get(parameter)}
        else:
            shown = lab.instruments[instrument].snapshot()["parameters"]
            values = {name: entry["value"] for name, entry in shown.items()}
    if as_json:
        print_json(values)
        return
    for name, value in values.items():
        sys.stdout.write(f"{name} = {value}\n" if value is not None else f"{name} tells no value\n")


@instruments.command("set", context_settings={"ignore_unknown_options": True})
def set_parameter(
    instrument: Name,
    parameter: Annotated[
        str, typer.Argument(help="Parameter; `qctl instruments get INSTRUMENT` lists them.", metavar="PARAMETER")
    ],
    value: Annotated[str, typer.Argument(help="Number, true, false or text; SI units.", metavar="VALUE")],
    server: Server = _ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Set a parameter within its limits."""
    from qctl.cli.app import print_json
    from qctl.client import connect

    with connect(server) as lab:
        lab.description.instrument(instrument)
        lab.instruments[instrument].set(parameter, _value(value))
    if as_json:
        print_json({instrument: {parameter: _value(value)}})


@instruments.command("call", context_settings={"ignore_unknown_options": True})
def call_method(
    instrument: Name,
    method: Annotated[str, typer.Argument(help="Method of the driver, such as safe or identify.", metavar="METHOD")],
    arguments: Annotated[list[str] | None, typer.Argument(help="Its arguments.", metavar="[ARGUMENT]...")] = None,
    server: Server = _ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Call a method that the driver offers beside get and set."""
    from qctl.cli.app import print_json
    from qctl.client import connect

    with connect(server) as lab:
        lab.description.instrument(instrument)
        found = lab.instruments[instrument].call(method, *map(_value, arguments or []))
    if as_json:
        print_json(found)
    elif found is not None:
        sys.stdout.write(f"{found}\n")


@instruments.command()
def describe(
    model: Annotated[str, typer.Argument(help="Model, as in lab.toml.", metavar="MODEL")],
    as_json: AsJson = False,
) -> None:
    """Print what a declared model can be set to and asked for; no server is needed."""
    from qctl.cli.app import print_json
    from qctl.instruments.registry import page_of

    page = page_of(model)
    if as_json:
        print_json({"model": model, "page": page})
    else:
        sys.stdout.write(f"{page}\n")
