"""Read lab.toml: text to a checked, frozen `Lab`, with the path of the key in every refusal."""

from __future__ import annotations

import os
import re
import tomllib
from contextlib import nullcontext, suppress
from pathlib import Path

import msgspec

from qctl.errors import InternalError, ParseError, RequestError
from qctl.lab.decoding import Problems, decode, refusal
from qctl.lab.lab import Lab
from qctl.lab.port_rules import check_ports
from qctl.lab.processor_rules import check_processors
from qctl.lab.rack_rules import check_instruments
from qctl.lab.safeguards import check_safeguards
from qctl.lab.value_rules import check_values

__all__ = ["load_lab", "parse_lab", "read_lab", "whole_lab"]

_MOST_BYTES = 1 << 22
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def load_lab(path: str | Path) -> Lab:
    """Read and check a lab file.

    Raises
    ------
    RequestError
        If the file can't be read, or says something that can't be; `details["problems"]` has all of it.
    ParseError
        If it is not TOML, or larger than any lab.
    """
    return _with_boards(parse_lab(read_lab(path), where=Path(path).name), Path(path))


def _with_boards(lab: Lab, path: Path) -> Lab:
    """Put in the text of the files that instruments name as their boards': a lab says all that it depends on."""
    told = {
        name: msgspec.structs.replace(one, board=_board(one.board, name, path))
        for name, one in lab.instruments.items()
        if one.board
    }
    return msgspec.structs.replace(lab, instruments={**lab.instruments, **told}) if told else lab


def _board(board: str, name: str, path: Path) -> str:
    if board.lstrip().startswith("{"):
        return board
    try:
        return read_lab(path.parent / board)
    except (RequestError, ParseError) as error:
        text = f"{path.name}: instruments.{name}.board: {error.message}"
        raise RequestError(text, problems=[text]) from error


def whole_lab(path: str | Path) -> str:
    """Return the text of a lab file that depends on no other: files that it names as boards' stand in it.

    Raises
    ------
    RequestError
        If it can't be read, or a file that it names.
    ParseError
        If it is not UTF-8, or larger than any lab.
    """
    text = read_lab(path)
    try:
        instruments = tomllib.loads(text).get("instruments", {})
    except (ValueError, RecursionError):
        return text  # `parse_lab` says what is wrong, with the place
    for name, entry in instruments.items() if isinstance(instruments, dict) else ():
        named = entry.get("board") if isinstance(entry, dict) else None
        if isinstance(named, str) and named and not named.lstrip().startswith("{"):
            told = _board(named, name, Path(path))
            if "'''" in told:
                raise RequestError(f"{Path(path).name}: instruments.{name}.board: {named} is no JSON of a board")
            form = re.compile(rf"(\bboard\s*=\s*)([\"']){re.escape(named)}\2")
            text = form.sub(lambda match, told=told: f"{match[1]}'''{told}'''", text)  # type: ignore[misc]
    return text


def read_lab(path: str | Path) -> str:
    """Return the text of a lab file, which `parse_lab` checks.

    Raises
    ------
    RequestError
        If it is no path, or the file can't be read.
    ParseError
        If it is not UTF-8, or larger than any lab.
    """
    if not isinstance(path, str | os.PathLike):
        raise RequestError(f"a lab is a Lab or the path of its lab.toml, not {type(path).__name__}")
    if "\n" in str(path):
        raise RequestError(
            f"a lab is a Lab or the path of its lab.toml, not {len(str(path))} characters of text; "
            "qctl.lab.parse_lab reads those"
        )
    file = Path(path)
    try:
        with file.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ParseError(f"{file}: is larger than {_MOST_BYTES} bytes, the most that a lab file may have")
        return data.decode("utf-8").replace("\r\n", "\n")
    except OSError as error:
        raise RequestError(f"{file}: {error.strerror}", path=str(file)) from error
    except UnicodeDecodeError as error:
        raise ParseError(f"{file.name}: byte {error.start} is not UTF-8") from error


def parse_lab(text: str, where: str = "lab.toml") -> Lab:
    """Read and check the text of a lab file; `where` is its name in messages.

    Raises
    ------
    RequestError
        If it says something that can't be; `details["problems"]` has all of it.
    ParseError
        If it is not TOML.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _PLACE.search(str(error))
        reason = _PLACE.sub("", str(error))
        last = text.count("\n") + 1
        line, column = (int(match[1]), int(match[2])) if match and match[1] else (last, 1)
        raise ParseError(f"{where}: {reason[:1].lower()}{reason[1:]}", line, column) from error
    except RecursionError:
        raise ParseError(f"{where}: brackets are nested too deep") from None
    except ValueError as error:  # the reader leaves numbers and dates to Python, which has bounds of its own
        raise ParseError(f"{where}: a value can't be read: {str(error).partition(';')[0]}") from error
    problems = Problems()
    lab = decode(raw, Lab, problems)
    if not isinstance(lab, Lab):
        _raise(problems, where)
        raise InternalError(f"{where} is no lab, and nothing is wrong with it")
    with nullcontext() if not problems.found else suppress(ArithmeticError, LookupError, TypeError, ValueError):
        _check(lab, problems)
    _raise(problems, where)
    return lab


def _check(lab: Lab, problems: Problems) -> None:
    """Note what does not fit together; in a lab that is known to be wrong, checks may fail on what is wrong."""
    n_before = len(problems.found)
    for check in (check_instruments, check_processors, check_ports):
        check(lab, problems)
    if len(problems.found) == n_before:
        check_values(lab, problems)
        check_safeguards(lab, problems)


def _raise(problems: Problems, where: str) -> None:
    found = [f"{where}: {problem}" for problem in problems.found]
    if found:
        raise refusal(found)
