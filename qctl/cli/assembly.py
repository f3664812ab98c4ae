"""`qctl asm` and `qctl dis`: text assembly to .qis and back."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import Annotated

import typer

from qctl.errors import ParseError, RequestError
from qctl.program.program import Program

__all__ = ["asm", "dis"]


def asm(
    source: Annotated[Path, typer.Argument(help="Text assembly.", metavar="FILE")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The .qis file; by default beside the source.")
    ] = None,
    packed: Annotated[bool, typer.Option("--packed", help="Pack the instructions, without loss.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Assemble text into a .qis file."""
    try:
        text = _read(source).decode()
    except UnicodeDecodeError as error:
        raise ParseError(f"{source}: byte {error.start} is not UTF-8 text") from None
    program = Program.from_text(text)
    target = source.with_suffix(".qis") if out is None else out
    if target.resolve() == source.resolve():
        raise RequestError(f"{target} would be written over its own text; name another file with --out")
    stored = program.to_bytes(packed)
    try:
        target.write_bytes(stored)
    except OSError as error:
        raise RequestError(f"{target}: {error.strerror}") from None
    if json:
        row = {"file": str(target), "n_bytes": len(stored), "n_instructions": len(program), "hash": program.hash}
        print(json_text.dumps(row))
    else:
        print(f"{target}: {len(program)} instructions, {len(stored)} bytes, {program.hash}")


def dis(
    source: Annotated[Path, typer.Argument(help="A .qis file.", metavar="FILE")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The text; by default it is printed.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the text and the hash as JSON.")] = False,
) -> None:
    """Print a .qis file as text assembly."""
    program = Program.from_bytes(_read(source))
    text = program.to_text()
    if out is not None:
        try:
            out.write_text(text)
        except OSError as error:
            raise RequestError(f"{out}: {error.strerror}") from None
    if json:
        print(json_text.dumps({"file": str(source), "hash": program.hash, "text": text}))
    elif out is None:
        sys.stdout.write(text)


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise RequestError(f"{source}: {error.strerror}") from None
