"""Turn parsed TOML into the frozen structs, and name the key of everything that does not fit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from types import UnionType
from typing import Any

import msgspec.inspect as mi

from qctl.errors import InternalError, RequestError
from qctl.lab.rack import InputRef, OutputRef

__all__ = ["Problems", "decode", "join", "refusal"]

_REF = re.compile(r"([A-Za-z_][\w-]*):([1-9]\d{0,3})")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_MOST_BITS = 64
_NAMED_BY_KEY = ("name", "number")


class Problems:
    """Collect what is wrong with a file, in the order of finding."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, path: str, text: str) -> None:
        """Note one problem and the path of its key; several rules may find the same."""
        problem = f"{path}: {text}" if path else text
        if problem not in self.found:
            self.found.append(problem)


def refusal(found: list[str]) -> RequestError:
    """Return the error that tells all problems: the first one in words, and how many more there are."""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return RequestError(found[0] + more, problems=found)


class _Broken:
    """Stand for a value that could not be read; its problem has been noted."""


BROKEN = _Broken()


def join(path: str, key: str | int) -> str:
    """Return the path of a key inside another, quoted as TOML wants it."""
    text = str(key)
    if not _BARE.fullmatch(text):
        text = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{path}.{text}" if path else text


def decode(raw: Any, kind: type | UnionType, problems: Problems, path: str = "") -> Any:
    """Return `raw` as an instance of `kind`; if any problem was noted the value is only good for finding more of them.

    A misspelt key counts as what is meant.
    """
    return _decode(raw, _form(kind), path, problems, None)


@cache
def _form(kind: type | UnionType) -> mi.Type:
    """Return what a struct has; msgspec works it out anew each time it is asked."""
    return mi.type_info(kind)


def _decode(raw: Any, kind: mi.Type, path: str, problems: Problems, key: str | int | None) -> Any:
    hint = ""
    if isinstance(kind, mi.Metadata):
        hint = str((kind.extra or {}).get("hint", ""))
        kind = kind.type
    if isinstance(kind, mi.UnionType):
        if raw is None and kind.includes_none:
            return None
        if any(isinstance(option, mi.FloatType) for option in kind.types) and len(kind.types) > 2:
            return _plain(raw, kind, path, problems)
        chosen = _choose(raw, kind, path, problems)
        return BROKEN if chosen is None else _decode(raw, chosen, path, problems, key)
    match kind:
        case mi.StructType():
            return _struct(raw, kind, path, problems, key)
        case mi.DictType():
            return _table(raw, kind, path, problems)
        case mi.VarTupleType() | mi.TupleType():
            return _array(raw, kind, path, problems)
        case mi.FloatType() | mi.IntType():
            return _number(raw, kind, path, problems, hint)
        case mi.LiteralType():
            allowed = ", ".join(repr(value) for value in kind.values)
            if type(raw) in (str, int) and raw in kind.values:
                return raw
            return _refuse(problems, path, f"{_shown(raw)} is not one of {allowed}")
        case mi.BoolType():
            return raw if isinstance(raw, bool) else _refuse(problems, path, "expected true or false")
        case mi.StrType():
            return raw if isinstance(raw, str) else _refuse(problems, path, "expected a text in quotes")
    raise InternalError(f"{path}: no rule for {kind}")


def _plain(raw: Any, kind: mi.UnionType, path: str, problems: Problems) -> Any:
    """Return a value that may be a number, a truth value or a text."""
    if isinstance(raw, bool | str):
        return raw
    if isinstance(raw, int | float):
        return _number(raw, mi.IntType() if isinstance(raw, int) else mi.FloatType(), path, problems, "")
    return _refuse(problems, path, "expected a number, true, false or a text in quotes")


def _refuse(problems: Problems, path: str, text: str) -> _Broken:
    problems.add(path, text)
    return BROKEN


def _shown(raw: Any) -> str:
    if isinstance(raw, int) and raw.bit_length() > _MOST_BITS:
        return f"a whole number of {raw.bit_length()} bits"
    return repr(raw) if isinstance(raw, str | int | float | bool) else f"a {type(raw).__name__}"


def _choose(raw: Any, kind: mi.UnionType, path: str, problems: Problems) -> mi.Type | None:
    """Return the member of a union that the value is meant to be."""
    options = [option for option in kind.types if not isinstance(option, mi.NoneType)]
    if len(options) == 1:
        return options[0]
    by_tag = {option.tag: option for option in options if isinstance(option, mi.StructType)}
    field = next(option.tag_field for option in options if isinstance(option, mi.StructType))
    if not isinstance(raw, Mapping):
        problems.add(path, "expected a table")
        return None
    tags = ", ".join(repr(tag) for tag in by_tag)
    if field not in raw:
        problems.add(path, f"{field} is missing; it is one of {tags}")
        return None
    tag = raw[field]
    if not isinstance(tag, str) or tag not in by_tag:
        problems.add(join(path, str(field)), f"{_shown(tag)} is not one of {tags}")
        return None
    return by_tag[tag]


def _struct(raw: Any, kind: mi.StructType, path: str, problems: Problems, key: str | int | None) -> Any:
    if kind.cls in (OutputRef, InputRef):
        return _reference(raw, kind.cls, path, problems)
    if not isinstance(raw, Mapping):
        return _refuse(problems, path, "expected a table")
    fields = {field.encode_name: field for field in kind.fields}
    if key is not None:
        for name in _NAMED_BY_KEY:
            fields.pop(name, None)
    values: dict[str, Any] = {}
    for name, item in raw.items():
        if name == kind.tag_field and item == kind.tag:
            continue
        if name not in fields:
            meant, misspelt = _closest(name, fields)
            hint = f", did you mean {meant}?" if meant else f"; known are {', '.join(sorted(fields))}"
            problems.add(join(path, name), f"unknown key{hint}")
            if misspelt and meant not in raw:
                values[fields[meant].name] = _decode(item, fields[meant].type, join(path, name), problems, None)
            continue
        values[fields[name].name] = _decode(item, fields[name].type, join(path, name), problems, None)
    for name, field in fields.items():
        if field.required and name not in raw and field.name not in values:
            problems.add(join(path, name), "is missing")
            values[field.name] = BROKEN
    if key is not None:
        values |= {field.name: key for field in kind.fields if field.name in _NAMED_BY_KEY}
    if any(value is BROKEN for value in values.values()):
        return BROKEN
    return kind.cls(**values)


def _closest(name: str, fields: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the key that is meant: the same quantity in its SI unit, or the nearest spelling, and then True."""
    stem = name.lower().rpartition("_")[0] or name.lower()
    same = [field for field in fields if field.rpartition("_")[0] == stem or field.rpartition("_")[0] == name.lower()]
    close = get_close_matches(name.lower(), fields, n=1, cutoff=0.6)
    if same or not close:
        return (same[0] if same else ""), False
    return close[0], True


def _reference(raw: Any, kind: type, path: str, problems: Problems) -> Any:
    match = _REF.fullmatch(raw) if isinstance(raw, str) else None
    if match is None:
        return _refuse(problems, path, f'{_shown(raw)} is not of the form "instrument:number"')
    return kind(match[1], int(match[2]))


def _table(raw: Any, kind: mi.DictType, path: str, problems: Problems) -> Any:
    if not isinstance(raw, Mapping):
        return _refuse(problems, path, "expected a table")
    key_type = kind.key_type.type if isinstance(kind.key_type, mi.Metadata) else kind.key_type
    values: dict[Any, Any] = {}
    for text, item in raw.items():
        key: Any = text
        if isinstance(key_type, mi.IntType):
            if not re.fullmatch(r"[1-9]\d{0,3}", str(text)):
                values[text] = _refuse(problems, join(path, text), "connectors are numbered from 1")
                continue
            key = int(text)
        values[key] = _decode(item, kind.value_type, join(path, text), problems, key)
    return BROKEN if any(value is BROKEN for value in values.values()) else values


def _array(raw: Any, kind: mi.VarTupleType | mi.TupleType, path: str, problems: Problems) -> Any:
    if not isinstance(raw, list | tuple):
        return _refuse(problems, path, "expected a list")
    if isinstance(kind, mi.TupleType):
        types = kind.item_types
        if len(raw) != len(types):
            return _refuse(problems, path, f"expected {len(types)} values, got {len(raw)}")
    else:
        types = (kind.item_type,) * len(raw)
    items = [
        _decode(item, type_, f"{path}[{i}]", problems, None)
        for i, (item, type_) in enumerate(zip(raw, types, strict=True))
    ]
    return BROKEN if any(item is BROKEN for item in items) else tuple(items)


def _number(raw: Any, kind: mi.FloatType | mi.IntType, path: str, problems: Problems, hint: str) -> Any:
    whole = isinstance(kind, mi.IntType)
    if isinstance(raw, bool) or not isinstance(raw, int if whole else int | float):
        return _refuse(problems, path, "expected a whole number" if whole else "expected a number")
    if isinstance(raw, float) and not math.isfinite(raw):
        return _refuse(problems, path, f"{raw} is not a finite number")
    if isinstance(raw, int) and raw.bit_length() > _MOST_BITS:
        return _refuse(problems, path, f"a whole number of {raw.bit_length()} bits is more than any value here")
    low = -math.inf if kind.ge is None else kind.ge
    high = math.inf if kind.le is None else kind.le
    if not low <= raw <= high:
        said = f"; {hint}" if hint else ""
        return _refuse(problems, path, f"{raw:g} is outside [{low:g}, {high:g}]{said}")
    return raw if whole else float(raw)
