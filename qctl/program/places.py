"""Where in a text a program's decisions and resets stand: kept in its metadata, so that refusals can say it."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from qctl.errors import CompileError

if TYPE_CHECKING:
    from qctl.program.body import Body

__all__ = ["KEY", "Places", "name_place"]

KEY = "qasm.places"
_MOST = 10_000


class Places:
    """Collects the line and column of instructions while a text is read; `metadata` says them in one text.

    ``12:3:1 40:9:5``: what stands in line 3, column 1 begins at instruction 12.
    """

    def __init__(self) -> None:
        self._words: list[str] = []

    def note(self, instruction: int, line: int, column: int) -> None:
        """Note where what begins at an instruction stands; beyond ten thousand it is not kept."""
        if line and len(self._words) < _MOST:
            self._words.append(f"{instruction}:{line}:{column}")

    def metadata(self) -> dict[str, str]:
        """Return the entry for a program's metadata; nothing if there is nothing to say."""
        return {KEY: " ".join(self._words)} if self._words else {}


def name_place(error: CompileError, body: Body) -> None:
    """Put line and column in front of the message of a refusal, if they are known of its instruction."""
    words = body.metadata.get(KEY, "").split()
    instruction = error.details.get("instruction")
    if instruction is None or not words or error.details.get("line"):
        return
    try:
        rows = sorted(tuple(map(int, word.split(":"))) for word in words)
        _, line, column = rows[bisect_right(rows, (instruction, 1 << 62, 0)) - 1]
    except ValueError:
        return
    if rows[0][0] <= instruction:
        error.details |= {"line": line, "column": column}
        error.message = f"line {line}, column {column}: {error.message}"
