"""Reads a program from a file of any kind that qctl knows."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from qctl.errors import ParseError, RequestError
from qctl.program.file import MAGIC
from qctl.program.program import Program

__all__ = ["load"]


def load(path: str | Path) -> Program:
    """Return the program of a file: ``.qis``, ``.qasm`` or text assembly (``.qst``).

    Raises
    ------
    RequestError
        If the file can't be read, or is of another kind.
    ParseError, WireError
        If it is not well formed.
    """
    file = Path(path)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RequestError(f"{file}: {error.strerror}") from None
    if content[:8] == MAGIC or file.suffix == ".qis":
        return Program.from_bytes(content)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ParseError(f"{file}: byte {error.start} is not UTF-8 text") from None
    if file.suffix == ".qasm":
        return import_module("qctl.circuit").Circuit.from_qasm(text)  # type: ignore[no-any-return]
    return Program.from_text(text)
