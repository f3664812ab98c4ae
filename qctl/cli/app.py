"""The command line: finds the commands that are there, and ends each failure with one clear line."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.metadata import version
from typing import Any, NoReturn

import typer

from qctl.errors import QctlError

__all__ = ["COMMANDS", "end_refused", "help_text", "load_command", "main", "present", "print_json"]

# Command → (module below qctl.cli, its typer function or typer app, one line for --help). A module that is not there is
# not in --help, and none is imported before its command is called.
COMMANDS: Mapping[str, tuple[str, str, str]] = {
    "demo": ("demo", "demo", "The whole story on the built-in virtual lab: calibrate, run, plot."),
    "serve": ("serve", "serve", "Run the server until Ctrl-C or SIGTERM."),
    "check": ("check", "check", "Validate a lab.toml and draw its wiring."),
    "run": ("run", "run", "Run a program on a server."),
    "simulate": ("simulate", "simulate", "Play a program on simulated qubits."),
    "compile": ("compile", "compile_file", "Compile a program without playing it."),
    "asm": ("assembly", "asm", "Turn text assembly into a .qis file."),
    "dis": ("assembly", "dis", "Turn a .qis file into text assembly."),
    "jobs": ("jobs", "jobs", "List, show, cancel and replay jobs."),
    "instruments": ("instruments", "instruments", "List instruments, get and set their parameters."),
    "probe": ("probe", "probe", "Find what answers at an address, and how."),
    "calibrate": ("calibrate", "calibrate", "Tune up a processor by measurements."),
    "move": ("move", "move", "Carry calibrated values here from another rack of the same qubits."),
    "bench": ("bench", "bench", "Measure qctl beside its peers."),
    "hil": ("hil", "hil", "Virtual labs and their faults, scenarios, records of a rack."),
}


_INTERRUPTED = 130


def present() -> list[str]:
    """Return the commands whose modules are there."""
    return [name for name, (module, _, _) in COMMANDS.items() if importlib.util.find_spec(f"qctl.cli.{module}")]


def help_text() -> str:
    """Return what ``qctl --help`` prints; no command is imported for it."""
    names = present()
    width = max(map(len, names), default=0)
    lines = [f"  {name:<{width}}  {COMMANDS[name][2]}" for name in names]
    return "\n".join(
        [
            "usage: qctl [--version] [--help] COMMAND ...",
            "",
            "The open integration layer for lab quantum computers.",
            "",
            *lines,
            "",
            "`qctl COMMAND --help` explains one of them.",
            "",
        ]
    )


def load_command(name: str) -> Any:
    """Import a command's module, and return the command."""
    module, attribute, _ = COMMANDS[name]
    found = getattr(importlib.import_module(f"qctl.cli.{module}"), attribute)
    app = found
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command(name)(found)
    return typer.main.get_command(app)


def print_json(value: Any) -> None:
    """Print a value as one JSON document."""
    import numpy as np

    def plain(item: Any) -> Any:
        if isinstance(item, np.generic):
            return item.item()
        if isinstance(item, np.ndarray):
            return item.tolist()
        return str(item)

    sys.stdout.write(json.dumps(value, default=plain) + "\n")


def end_refused(error: QctlError, as_json: bool) -> NoReturn:
    """Print all that is wrong with a file, and end with 1."""
    problems = error.details.get("problems", [error.message])
    if as_json:
        print_json({"ok": False, "code": error.code, "problems": problems})
    else:
        sys.stderr.writelines(f"{problem}\n" for problem in problems)
    raise typer.Exit(1)


def main(arguments: list[str] | None = None) -> None:
    """Run a command; exit with 0, with 1 and one line on failure, with 2 on wrong usage, with 130 on Ctrl-C."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:  # the shell closed it
            setattr(sys, stream, open(os.devnull, "w"))  # noqa: SIM115
    try:
        code = _chosen(name, rest)
        sys.stdout.flush()
    except OSError as problem:
        code = 1
        if not isinstance(problem, BrokenPipeError):
            where = f"{problem.filename}: " if problem.filename else ""
            sys.stderr.write(f"qctl {name}: {where}{problem.strerror or problem}\n")
        # What could not be written would be tried again by the interpreter at its end.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _chosen(name: str, rest: list[str]) -> int:
    """Run the command of that name, or say what there is; return the exit code."""
    if name in ("--help", "-h", ""):
        sys.stdout.write(help_text())
        return 0 if name else 2
    if name == "--version":
        sys.stdout.write(f"qctl {version('qctl')}\n")
        return 0
    if name not in present():
        close = get_close_matches(name, present(), n=1)
        hint = f"did you mean {close[0]}?" if close else "`qctl --help` lists them"
        return _misused("qctl", f"there is no command {name}; {hint}", rest)
    return _invoke(name, rest)


def _invoke(name: str, arguments: list[str]) -> int:
    """Run one command, and return its exit code."""
    try:
        code = load_command(name).main(args=arguments, prog_name=f"qctl {name}", standalone_mode=False)
    except QctlError as error:
        if "--json" in arguments:
            print_json({"ok": False, "code": error.code, "message": error.message})
        sys.stderr.write(f"qctl {name}: {error.message}\n")
        return 1
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write(f"qctl {name}: interrupted\n")
        return _INTERRUPTED
    except OSError:
        raise
    except Exception as problem:
        # Typer brings its own copy of click, whose base class for wrong usage has no public name.
        describe = getattr(problem, "format_message", None)
        if describe is None:
            raise
        return _misused(f"qctl {name}", _with_value(describe().strip() or "a command is missing", arguments), arguments)
    if code == _INTERRUPTED:
        sys.stderr.write(f"qctl {name}: interrupted\n")
    return code if isinstance(code, int) else 0


def _misused(who: str, message: str, arguments: list[str]) -> int:
    """Say what is wrong with a command line, as JSON too if that is asked for; return the exit code."""
    if "--json" in arguments:
        print_json({"ok": False, "code": "request", "message": message})
    sys.stderr.write(f"{who}: {message}\n")
    return 2


def _with_value(message: str, arguments: list[str]) -> str:
    """Return a complaint about an option with the value that was given, which Typer leaves out."""
    option = re.match(r"Invalid value for '(--[\w-]+)'", message)
    for place, word in enumerate(arguments if option else []):
        name, equals, given = word.partition("=")
        if option and name == option[1]:
            return f"{message} (given: {given if equals else ''.join(arguments[place + 1 : place + 2])})"
    return message
