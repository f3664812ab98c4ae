"""What stands around the points of a SeqC program, and how many instructions the compiler makes of it."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["loaded", "repeated", "silence"]


def repeated(n: int) -> tuple[str, str, int]:
    """Return the beginning and the end of a loop, and its instructions, at most; a loop of 1 is none."""
    if n == 1:
        return "", "", 0
    # The count is one immediate of up to 19 bits, or of high bits only; otherwise two.
    return f"repeat ({n}) {{\n", "}\n", 3 + (n > 300_000 and n % 4096 != 0)


def loaded(sizes_bytes: Sequence[int], block_bytes: int) -> int:
    """Return the instructions that fetch waveforms: two for each, or for each block that as many as fit share."""
    if not block_bytes:
        return 2 * len(sizes_bytes)
    n_blocks = room = 0
    for size in sizes_bytes:
        if size > room:
            n_blocks += 1
            room = max(block_bytes, size)
        room -= size
    return 2 * n_blocks


def silence(n: int, longest: int, least: int, cost: int) -> tuple[list[str], int]:
    """Return the lines that play nothing for so many samples, and their instructions."""
    times, rest = divmod(n, longest)
    parts = [longest] * min(times, 1) if times > 3 else [longest] * times
    if rest and rest < least and times:
        parts[-1 if times <= 3 else 0] -= least
        rest += least
    lines = [f"playZero({part});\n" for part in parts]
    n_instructions = cost * len(lines)
    if times > 3:
        lines.append(f"repeat ({times - 1}) {{\nplayZero({longest});\n}}\n")
        n_instructions += cost + 3 + (times > 300_000)
    if rest:
        lines.append(f"playZero({rest});\n")
        n_instructions += cost
    return lines, n_instructions
