"""Load a program from a file or text, by suffix and content."""

from __future__ import annotations

import os
import re
import reprlib
from pathlib import Path

from qctl.errors import ParseError, RequestError
from qctl.formats.limits import MAX_TEXT_CHARACTERS
from qctl.formats.openqasm2 import read_openqasm2
from qctl.formats.originir import read_originir
from qctl.program.program import Program

__all__ = ["load", "loads", "openqasm_version"]

_HEADER = re.compile(r"(?:\s|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+OPENQASM\s++(\d{1,9})(?:\.\d+)?\s*+;")
_ORIGINIR = re.compile(r"(?:\s|//[^\n]*+)*+QINIT\b")
_ASSEMBLY = re.compile(r"(?:\s|#[^\n]*+)*+qis\s++\d")
_LOOKED_AT = 100_000
"""Characters of a text without a header that are looked at to guess its version."""
_SPACE = re.compile(r"(?:\s|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)++")
_ONLY_IN_3 = re.compile(
    r'(?:^|[;{}]) ?(?:include ?"stdgates\.inc"|(?:qubit|bit|u?int|float|angle|bool|const|input|output|let|def|defcal'
    r"|cal|for|while|ctrl|negctrl|inv|pow|gphase|delay|box|duration|stretch|defcalgrammar|pragma)\b)|= ?measure\b|\$\d"
)


def load(path: str | os.PathLike[str]) -> Program:
    """Return the program of a file: ``.qis`` by its content, anything else as text (see `loads`).

    Raises
    ------
    RequestError
        If the file can't be read or is larger than any text or program may be.
    ParseError
        If it is no OpenQASM, with line and column.
    """
    place = Path(path)
    try:
        size = place.stat().st_size
        if size > 4 * MAX_TEXT_CHARACTERS:
            raise RequestError(f"{place} has {size} bytes, more than {4 * MAX_TEXT_CHARACTERS}")
        content = place.read_bytes()
    except OSError as error:
        raise RequestError(f"{place} can't be read: {error.strerror or error}") from error
    if place.suffix == ".qis":
        return Program.from_bytes(content)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise ParseError(f"{place.name} is not UTF-8 text: byte 0x{content[error.start]:02x}", line, column) from None
    return loads(text)


def loads(text: str) -> Program:
    """Return the program of an OpenQASM 2 or 3 text, of OriginIR, or of text assembly.

    Raises
    ------
    ParseError
        With line and column.
    """
    if not isinstance(text, str):
        raise RequestError(f"{reprlib.repr(text)} is no text; qctl.load reads files")
    text = text.removeprefix("\ufeff")  # some editors begin a file with this mark
    if _ASSEMBLY.match(text):
        return Program.from_text(text)
    if _ORIGINIR.match(text):
        return read_originir(text)
    version = openqasm_version(text)
    if version == 2:
        return read_openqasm2(text)
    from qctl.formats.openqasm3 import read_openqasm3

    return read_openqasm3(text)


def openqasm_version(text: str) -> int:
    """Return 2 or 3: what the header says or, without one, what the statements look like.

    Raises
    ------
    ParseError
        If the header says another version.
    """
    header = _HEADER.match(text)
    if header is None:
        return 3 if _ONLY_IN_3.search(_SPACE.sub(" ", text[:_LOOKED_AT])) else 2
    version = int(header.group(1))
    if version not in (2, 3):
        before = text[: header.start(1)]
        column = len(before) - before.rfind("\n")
        raise ParseError(f"OpenQASM {version} is neither 2 nor 3", before.count("\n") + 1, column)
    return version
