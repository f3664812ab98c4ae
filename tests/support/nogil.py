"""Refuses Python operations inside `nogil` kernels: `python tests/support/nogil.py [FILE.pyx ...]`, else all of cext.

Cython compiles each file with its annotated output, which marks every call into Python's C API in the C code of
a line. The lines of `cdef ... nogil` functions, `with nogil` blocks and `prange(..., nogil=True)` loops must have none.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from Cython.Compiler.Main import CompilationOptions, compile_single

ROOT = Path(__file__).resolve().parents[2]
_LINE = re.compile(r'<pre class="cython line score-\d+"[^>]*>.*?<span class="">(\d+)</span>')
_CALL = re.compile(r"<span class='(?:pyx?_c_api|pyx?_macro_api|error_goto)'>([^<]+)</span>")
_PLAIN_C = {"__Pyx_CREAL", "__Pyx_CIMAG", "__Pyx_SET_CREAL", "__Pyx_SET_CIMAG"}  # parts of C complex numbers
_FUNCTION = re.compile(r"\s*(cdef|cpdef)\b.*\(")
_BLOCK = re.compile(r"\s*(with\s+nogil\b|for\b.*\bprange\s*\(.*\bnogil\s*=\s*True)")
_OPENS = re.compile(r"\s*(with\s+nogil\b|for\b.*\bprange\s*\()")


def directives() -> dict[str, Any]:
    """Return the compiler directives of setup.py, without running it."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DIRECTIVES":
            return eval(compile(ast.Expression(node.value), "setup.py", "eval"), {"CHECKED": False})
    raise SystemExit("setup.py has no DIRECTIVES")


def regions(lines: list[str]) -> dict[int, str]:
    """Return the number of every line inside a nogil region, with the line that opened the region."""
    inside: dict[int, str] = {}
    k = 0
    while k < len(lines):
        header, k = _header(lines, k)
        if not header:
            continue
        opened = lines[k - 1] if len(header) == 1 else header[0]
        text = " ".join(header)
        nogil = (_FUNCTION.match(text) and re.search(r"\)[^()]*\bnogil\s*:\s*(#.*)?$", text)) or _BLOCK.match(text)
        if not nogil:
            continue
        depth = _indent(header[0])
        end = k
        while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > depth):
            end += 1
        inside |= {number + 1: opened.strip() for number in range(k, end) if lines[number].strip()}
        k = end
    return inside


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _header(lines: list[str], k: int) -> tuple[list[str], int]:
    """Return the lines of a statement that opens a block (or nothing), and the line after it."""
    if not (_FUNCTION.match(lines[k]) or _OPENS.match(lines[k])):
        return [], k + 1
    first = k
    depth = 0
    while k < len(lines):
        code = lines[k].split("#")[0]
        depth += sum(map(code.count, "([{")) - sum(map(code.count, ")]}"))
        k += 1
        if depth <= 0:
            break
    return lines[first:k], k


def calls(file: Path, folder: Path) -> dict[int, list[str]]:
    """Compile one file in a scratch folder and return the calls into Python of each of its lines."""
    options = CompilationOptions(
        compiler_directives=directives(),
        include_path=[str(folder / "pxd")],
        output_file=str(folder / f"{file.stem}.c"),
        annotate="default",
        language_level=3,
    )
    result = compile_single(str(file), options, full_module_name=f"qctl.cext.{file.stem}")
    if result.num_errors:
        raise SystemExit(f"{file}: Cython found {result.num_errors} errors")
    page = (folder / f"{file.stem}.html").read_text(encoding="utf-8")
    places = list(_LINE.finditer(page))
    if not places or not _CALL.search(page):
        raise SystemExit(f"{file}: the annotated page marks no calls; did its form change?")
    ends = [place.start() for place in places[1:]] + [len(page)]
    found: dict[int, list[str]] = {}
    for place, end in zip(places, ends, strict=True):
        made = [name.strip() for name in _CALL.findall(page, place.end(), end)]
        found[int(place[1])] = [name for name in dict.fromkeys(made) if name not in _PLAIN_C]
    return found


def offences(file: Path) -> tuple[list[str], int]:
    """Return the lines of nogil code that talk to Python, and how many nogil lines there are."""
    lines = file.read_text(encoding="utf-8").splitlines()
    inside = regions(lines)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        package = folder / "pxd" / "qctl" / "cext"
        package.mkdir(parents=True)
        for home in (package, package.parent):
            (home / "__init__.pxd").touch()
        for pxd in (ROOT / "cext").glob("*.pxd"):
            shutil.copy(pxd, package / pxd.name)
        shutil.copy(file, package / file.name)
        own = file.with_suffix(".pxd")
        if own.exists():
            shutil.copy(own, package / own.name)
        found = calls(package / file.name, folder)
    wrong = [
        f"{file.name}:{number}: {lines[number - 1].strip()!r} inside {opened!r} calls {', '.join(found[number])}"
        for number, opened in inside.items()
        if found.get(number)
    ]
    return wrong, len(inside)


def main(arguments: list[str]) -> int:
    """Check the given files, or all kernels; return the exit status."""
    files = [Path(name).resolve() for name in arguments] or sorted((ROOT / "cext").glob("*.pyx"))
    wrong, n_lines = [], 0
    for file in files:
        more, n_inside = offences(file)
        wrong += more
        n_lines += n_inside
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{len(files)} kernel files, {n_lines} nogil lines, {len(wrong)} Python operations among them")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
