"""The key tables of docs/lab.md are those of the structs; run as a script, this file rewrites them."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import msgspec.inspect as mi

from qctl.lab import Lab, parse_lab
from qctl.lab.lab import Coupler, Processor, Qubit

PAGE = Path(__file__).parents[2] / "docs" / "lab.md"
BEGIN, END = "<!-- keys: begin -->", "<!-- keys: end -->"


def reference() -> str:
    """Return the tables of all structs that lab.toml is made of, in the order of reading."""
    return "\n\n".join(_table(kind, place) for kind, place in _structs())


def _structs() -> Iterator[tuple[type, str]]:
    """Walk from Lab down; a struct that stands in several places is shown at the first."""
    seen: set[type] = set()
    todo: list[tuple[mi.Type, str]] = [(mi.type_info(Lab), "")]
    while todo:
        kind, place = todo.pop(0)
        match kind:
            case mi.Metadata():
                todo.insert(0, (kind.type, place))
            case mi.UnionType():
                todo[:0] = [(option, place) for option in kind.types]
            case mi.DictType():
                todo.insert(0, (kind.value_type, f"{place}.*"))
            case mi.StructType() if kind.cls not in seen and not kind.cls.__name__.endswith("Ref"):
                seen.add(kind.cls)
                yield kind.cls, place
                todo[:0] = [(field.type, f"{place}.{field.encode_name}".lstrip(".")) for field in kind.fields]


def _table(kind: type, place: str) -> str:
    info = mi.type_info(kind)
    assert isinstance(info, mi.StructType)
    words = _meanings(kind)
    tag = f', `platform = "{info.tag}"`' if info.tag_field == "platform" else ""
    first = (kind.__doc__ or "").split("\n")[0]
    lines = [f"### `{place or '(top level)'}`{tag}", "", first, "", "| key | value | must be given | meaning |"]
    lines.append("|---|---|---|---|")
    for field in info.fields:
        name = field.encode_name
        if name in ("name", "number") and place.endswith("*"):
            continue
        lines.append(f"| `{name}` | {_value(field.type)} | {_given(field)} | {words[name]} |")
    return "\n".join(lines)


def _meanings(kind: type) -> dict[str, str]:
    """Return the meaning of each key from the numpydoc section Attributes."""
    section = inspect.cleandoc(kind.__doc__ or "").partition("Attributes\n----------\n")[2]
    found: dict[str, str] = {}
    for names, text in re.findall(r"^(\S[^\n]*?) : [^\n]*\n((?:    [^\n]*\n?)+)", section, re.M):
        for name in names.split(", "):
            found[name] = " ".join(text.split())
    return found


def _given(field: mi.Field) -> str:
    if field.required:
        return "yes"
    default = field.default
    if default in (None, mi.NODEFAULT) or isinstance(default, msgspec.Struct):
        return "no"
    if isinstance(default, str):
        text = json.dumps(default)
    elif isinstance(default, bool):
        text = str(default).lower()
    else:
        text = f"{default:g}" if isinstance(default, int | float) else str(list(default))
    return f"no, `{text}`" if default != "" else "no"


def _value(kind: mi.Type) -> str:
    match kind:
        case mi.Metadata():
            return _value(kind.type)
        case mi.UnionType():
            return " or ".join(dict.fromkeys(_value(item) for item in kind.types if not isinstance(item, mi.NoneType)))
        case mi.LiteralType():
            return ", ".join(f"`{json.dumps(item)}`" for item in kind.values)
        case mi.StructType():
            return _named(kind.cls)
        case mi.DictType():
            return f"table of {_value(kind.value_type)}"
        case mi.TupleType():
            return f"{len(kind.item_types)} × {_value(kind.item_types[0])}"
        case mi.VarTupleType():
            return f"list of {_value(kind.item_type)}"
        case mi.FloatType() | mi.IntType():
            word = "number" if isinstance(kind, mi.FloatType) else "whole number"
            return word if kind.ge is None else f"{word} in [{kind.ge:g}, {kind.le:g}]"
        case mi.BoolType():
            return "true or false"
        case mi.StrType():
            return "text"
    raise TypeError(kind)


def _named(kind: type) -> str:
    return '`"instrument:number"`' if kind.__name__.endswith("Ref") else "table"


def page() -> str:
    """Return docs/lab.md with its tables made anew."""
    text = PAGE.read_text("utf-8")
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n\n{reference()}\n\n{END}{rest.split(END)[1]}"


def test_the_tables_are_those_of_the_structs() -> None:
    assert PAGE.read_text("utf-8") == page(), "run python tests/project/test_lab_reference.py"


def test_every_key_has_a_meaning() -> None:
    for kind, place in _structs():
        names = {field.encode_name for field in msgspec.structs.fields(kind)}
        assert names == set(_meanings(kind)), place


def test_the_example_is_a_lab_that_is_accepted() -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    labs = [parse_lab(text, where="docs/lab.md") for text in examples if text.lstrip().startswith("schema")]
    assert [lab.name for lab in labs] == ["two transmons"]


def test_all_platforms_are_walked() -> None:
    shown = {kind for kind, _ in _structs()}
    assert {*Processor.__args__, *Qubit.__args__, *Coupler.__args__} <= shown  # type: ignore[attr-defined]


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
