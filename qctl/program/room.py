"""How much memory this machine has, and the refusal of instructions that need more than half of it."""

from __future__ import annotations

import os

from qctl.errors import RequestError

__all__ = ["MOST_ITEMS", "have_bytes", "refuse_beyond"]

MOST_ITEMS = 2**31 - 1
"""Instructions, operand words and constants that a program may have of each; block tables count them in 32 bits."""


def have_bytes() -> int:
    """Return this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def refuse_beyond(n_rows: int, n_words: int, n_numbers: int, what: str) -> None:
    """Raise RequestError if so many instructions, operand words and constants can't be held; the need is named."""
    need, half = 16 * n_rows + 4 * n_words + 8 * n_numbers, have_bytes() // 2
    if max(n_rows, n_words, n_numbers) > MOST_ITEMS:
        raise RequestError(
            f"{what} needs {n_rows} instructions, {n_words} operand words and {n_numbers} constants, {need} bytes; a "
            f"program has at most {MOST_ITEMS} of each: a loop says it in one"
        )
    if need > half:
        raise RequestError(f"{what} needs {need} bytes of memory; half of this machine's is {half}: use a loop")
