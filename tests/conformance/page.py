"""Write docs/conformance.md from the cells that the judges filled; numbers alone don't tell two such pages apart."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from programs import PROGRAMS
from targets import TARGETS
from verdict import Cell

__all__ = ["page", "without_numbers"]

HEAD = """# Twenty programs on every target

This page is written by `make conformance`, which lowers the same twenty programs
([as data](../tests/conformance/programs.py)) to every target, lets the vendor's own software take and play what comes
out, and compares it with the ideal.

- The **ideal** is reckoned in float64 and fractions from the program's steps and lab.toml alone
  ([ideal.py](../tests/conformance/ideal.py)): it shares no code with compiler or kernels. It is taken at the middles of
  the box's own samples.
- A cell has three numbers, the worst of all ports, points and plays: **LSB** of the box's word by which any sample is
  off, **ns** by which any play or window begins off what was asked for, and **mrad** by which a demodulated pulse is
  turned, looked at where it has a carrier, lasts 40 ns or more and reaches half of full scale (– where the program has
  none).
- **Bounds**: 1 LSB, and 2 where an NCO, an oscillator, a carrier or a gain multiplies the samples inside the box; half
  a tick of the box's clock, and the compiler's own report of its rounding is to be the error that is found; 1 mrad from
  14 bits on, 5 mrad below. Nothing is over them, or `make conformance` fails. As every box is held to the same ideal,
  the phases of two boxes differ by no more than the sum of their cells.
- **refused** is what the compiler said, below the tables. **taken** is accepted by the vendor's software, and played by
  none; **compiled** is judged by nobody here.
- Programs of another platform are not asked for: atoms and ions have a table of their own.
"""
FOOT = """## What the judges can't see

- Qblox multiplies a waveform of 16 bits by a gain of 16 bits and cuts the product off; q1simulator then cuts what its
  NCO gives towards zero, which is taken into account. The QRC is assembled by the vendor's assembler, and played as a
  QRM-RF, for q1simulator knows no QRC.
- LabOne Q's simulator leaves oscillators out; they are put in by their formula.
- A QICK board's events are on ticks of its tProcessor (2.3 ns), its carriers on steps of 2.2 Hz (drive) or 89 Hz
  (readout): a carrier that is on for longer than some 10 µs drifts off its frame by that. A generator begins at its own
  fabric clock's edge after a tick; that is not looked at.
- Words of SCPI generators are read by their number formats, typed anew from vendors' papers; nobody plays them without
  a box. What follows the converter (filters, 10 bits of an AWG70000A, which is given floats) is not looked at.
- "Longest" is the most that the box's memory takes where that is below four million samples, else a million samples.
"""


def _number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _cell(cell: Cell, notes: list[str]) -> str:
    if cell.status == "other platform":
        return "other platform"
    mark = ""
    if cell.words:
        if cell.words not in notes:
            notes.append(cell.words)
        mark = f" [{notes.index(cell.words) + 1}]"
    if cell.status != "played":
        return cell.status + mark
    return (
        f"{_number(cell.lsb, 2)} · {_number(cell.time_s * 1e9, 2)} · {_number(cell.phase_rad * 1e3, 3)}{mark}"
    )  # fmt: skip


def page(cells: Mapping[tuple[str, str], Cell]) -> str:
    """Return the page; cells are by names of program and target."""
    parts, notes = [HEAD], list[str]()
    groups = (
        ("Sequencers", [t for t in TARGETS if t.platform == "transmon" and t.hear != "heard_generators"]),
        ("Generators", [t for t in TARGETS if t.hear == "heard_generators"]),
        ("Atoms and ions", [t for t in TARGETS if t.platform != "transmon"]),
    )
    for title, targets in groups:
        parts.append(f"## {title}\n\nLSB · ns · mrad\n")
        rows = ["| program | " + " | ".join(t.title for t in targets) + " |", "|---" * (len(targets) + 1) + "|"]
        rows.append("| *judged by* | " + " | ".join(f"*{t.judged}*" for t in targets) + " |")
        for example in PROGRAMS:
            if any(t.platform == example.platform for t in targets):
                filled = [_cell(cells[example.name, t.name], notes) for t in targets]
                rows.append(f"| {example.title} | " + " | ".join(filled) + " |")
        parts.append("\n".join(rows) + "\n")
    parts += ["## In words\n", "\n".join(f"{k}. {words}" for k, words in enumerate(notes, 1)) + "\n", FOOT]
    return "\n".join(parts)


def without_numbers(text: str) -> str:
    """Return a page with every number taken out, so that last digits don't tell two of them apart."""
    return re.sub(r"\d+(\.\d+)?", "#", text)
