"""Save a program as OpenQASM or OriginIR text, or as ``.qis``."""

from __future__ import annotations

import os
from pathlib import Path

from qctl.errors import RequestError
from qctl.formats.writer2 import write_openqasm2
from qctl.formats.writer3 import write_openqasm3
from qctl.formats.writer_originir import write_originir
from qctl.program.program import Program

__all__ = ["dumps", "dumps_originir", "save"]


def dumps_originir(program: Program) -> str:
    """Return a program as OriginIR text.

    Raises
    ------
    RequestError
        If OriginIR can't say it.
    """
    return write_originir(program.body)


def dumps(program: Program, version: int = 3) -> str:
    """Return a program as OpenQASM text of version 2 or 3.

    Raises
    ------
    RequestError
        If that version can't say it, or there is no such version.
    """
    if version == 2:
        return write_openqasm2(program.body)
    if version == 3:
        return write_openqasm3(program.body)
    raise RequestError(f"version = {version!r} of OpenQASM is neither 2 nor 3")


def save(program: Program, path: str | os.PathLike[str], version: int = 3) -> None:
    """Write a program to a file: ``.qis`` or ``.originir`` by its suffix, otherwise OpenQASM."""
    place = Path(path)
    try:
        if place.suffix == ".qis":
            place.write_bytes(program.to_bytes())
        elif place.suffix == ".originir":
            place.write_text(dumps_originir(program), encoding="utf-8")
        else:
            place.write_text(dumps(program, version), encoding="utf-8")
    except OSError as error:
        raise RequestError(f"{place} can't be written: {error.strerror or error}") from error
