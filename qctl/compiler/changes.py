"""What differs between two runs: angles of gates, as far as nothing else does, or the reason why all is compiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from qctl.cext import patch as kernel
from qctl.compiler.compiled import Origin
from qctl.compiler.native import Joined, plain
from qctl.compiler.patch import Changes
from qctl.compiler.sequences import Sequences
from qctl.errors import CompileError
from qctl.program.body import Body

__all__ = ["changes_of_bodies", "changes_of_sequences"]


def changes_of_sequences(old: Sequences, new: Sequences) -> Changes | str:
    """Return the angles that differ, or why there is more to do.

    Parameters
    ----------
    old, new : Sequences
        What is compiled, and what is asked for. One that `Sequences.turned` made of the old one knows it at once.
    """
    if new is old:
        return _NONE
    if new.origin is not None and new.origin[0] is old.token:
        return Changes(*new.origin[1:])
    if new.n_qubits != old.n_qubits or new.names != old.names or not np.array_equal(new.bounds, old.bounds):
        return "the sequences have another shape"
    changes = _differing(old.rows, new.rows)
    return "other gates, or other lengths" if changes is None else changes


def changes_of_bodies(
    old: Sequence[Body], new: Sequence[Body], origins: Sequence[Origin | None]
) -> tuple[Changes, list[Origin | None]] | str:
    """Return the angles that differ, and what the programs come from now; or why there is more to do.

    Parameters
    ----------
    old, new : sequence of Body
        What is compiled, and what is asked for.
    origins : sequence of Origin or None
        What each of the old ones was timed from.
    """
    if len(new) != len(old):
        return f"{len(new)} programs, not {len(old)}"
    made: list[Origin | None] = list(origins)
    found = []
    for k, (before, after) in enumerate(zip(old, new, strict=True)):
        if after is before:
            continue
        origin = origins[k]
        if origin is None:
            return f"program {k} has more than gates"
        if after.symbols != before.symbols or after.operands.data != before.operands.data:
            return f"program {k} has other qubits, bits or operands"
        one = _line(before, after) if origin.native is None else _translated(origin, before, after)
        if isinstance(one, str):
            return f"program {k} {one}"
        changes, made[k] = one[0], one[1] or origin
        first = int(origin.timing.rows.bounds[origin.sequence])
        if len(changes.gates):
            found.append(Changes(changes.gates + first, changes.radians))
    if len(found) == 1:
        return found[0], made
    if not found:
        return _NONE, made
    return Changes(*(np.concatenate(column) for column in zip(*found, strict=True))), made


_NONE = Changes(np.empty(0, np.int64), np.empty(0))


def _differing(old: np.ndarray, new: np.ndarray) -> Changes | None:
    """Return the angles of rz that differ, or None if anything else does."""
    gates, radians = np.empty(len(old), np.int64), np.empty(len(old))
    n = kernel.differing(old, new, gates, radians)
    return None if n < 0 else Changes(gates[:n], radians[:n])


def _line(before: Body, after: Body) -> tuple[Changes, None] | str:
    """Return the changes of a line that is played as it stands, and still is."""
    changes = _differing(before.instructions, after.instructions)
    if changes is None:
        return "has other gates"
    if after.parameters or not Joined([after]).native[0]:
        return "can be shortened now"
    return changes, None


def _translated(origin: Origin, before: Body, after: Body) -> tuple[Changes, Origin] | str:
    """Return the changes of a translated line, if translation still makes the same gates of it."""
    old = origin.native
    assert old is not None
    if not plain(after) or len(after) != len(before):
        return "has other instructions"
    native = Joined([before, after]).native
    if native[0] != native[1]:
        return "can be played as it stands now"
    try:
        new = origin.translate(after)
    except CompileError:
        return "can't be translated as it was"
    if (
        new is None
        or (new.layout, new.final_layout) != (old.layout, old.final_layout)
        or new.words.tobytes() != old.words.tobytes()
        or new.sources.tobytes() != old.sources.tobytes()
    ):
        return "is translated to other gates"
    changes = _differing(old.rows, new.rows)
    return "is translated to other gates" if changes is None else (changes, replace(origin, native=new))
