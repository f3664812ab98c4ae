"""Patching: a few changed pulses among ten thousand, beside the full compile of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import cycle
from typing import Any

import numpy as np

from qctl.bench import pulses_peers as peers
from qctl.bench.case import Case, Goal
from qctl.bench.pulses_racks import rack

__all__ = ["PATCHES"]

_SEQUENCES, _PULSES = 100, 100
_WORDS = {"awg": "DAC words and steps of AWG5014C", "qblox": "Q1ASM of QCM and QRM"}


def _start(kind: str, n_changed: int) -> tuple[Any, Any, Callable[[Any], Any]]:
    """Return the first run, its sequences, and what turns angles so that just so many pulses have other phases."""
    import qctl
    from qctl.program.opcodes import Op

    given = peers.work(1, _PULSES, _SEQUENCES)
    sequences = qctl.Sequences(*given.arrays)
    ops, offsets = given.arrays[0], np.asarray(given.arrays[3])
    turns = np.flatnonzero(ops == Op.RZ).reshape(_SEQUENCES, _PULSES)
    # All pulses behind an rz turn with it: the last one has one, the tenth from the end has ten.
    n_touched = min(n_changed, _SEQUENCES)
    gates = turns[:n_touched, -(n_changed // n_touched)]
    assert len(offsets) == _SEQUENCES + 1
    angles = cycle([0.1 * k + 1e-3 * np.arange(n_touched) for k in range(1, 1001)])

    def turned(old: Any) -> Any:
        return old.turned(gates, next(angles))

    return qctl.compile(sequences, rack(kind), shots=100), sequences, turned


def _patches(kind: str, n_changed: int, sent: bool = False) -> Callable[[], Any]:
    """From other angles to finished device programs, each time from those of the last time; and what would be sent."""
    ready, sequences, turned = _start(kind, n_changed)
    latest = [ready, sequences]

    def run() -> Any:
        latest[1] = turned(latest[1])
        before, latest[0] = latest[0], latest[0].patched(latest[1])
        if sent:
            for old, new in zip(before.programs, latest[0].programs, strict=True):
                if new is not old:
                    _sent(old, new)
        return latest[0], latest[1]

    run()
    return run


def _sent(old: Any, new: Any) -> tuple[bytes, list[memoryview]]:
    """Return the body of a program, and the words that a device with an older one lacks."""
    held = old.blobs
    return new.body, [words.data for name, words in new.blobs.items() if name not in held]


def _compiles(kind: str, n_changed: int) -> Callable[[], Any]:
    """The same, compiled whole; words that stayed the same are kept here too."""
    import qctl

    _, sequences, turned = _start(kind, n_changed)
    latest, lab = [sequences], rack(kind)

    def run() -> Any:
        latest[0] = turned(latest[0])
        return qctl.compile(latest[0], lab, shots=100), latest[0]

    return run


def _played(ready: Any) -> list[tuple[Any, ...]]:
    return [
        (one.instrument, one.body, {name: words.tobytes() for name, words in one.blobs.items()}, one.usage)
        for one in ready.programs
    ]


def _case(kind: str, n_changed: int) -> Case:
    def agree(values: Mapping[str, Any]) -> None:
        import qctl

        for side in ("qctl", "qctl sent"):
            ready, sequences = values[side]
            full = qctl.compile(sequences, rack(kind), shots=100)
            assert _played(ready) == _played(full), "the patched run is not what the full compile makes"
            assert ready.patch.whole == "" and ready.patch.n_plays == n_changed, str(ready.patch)

    return Case(
        name=f"patch-{kind}-{n_changed}",
        work=(
            f"other angles, so that {n_changed} of 10,000 pulses change, to {_WORDS[kind]}; qctl sent reads what an "
            "upload takes as well: bodies that changed, joined of their pieces, new words by name; full compiles all"
        ),
        sides={
            "qctl": lambda _: _patches(kind, n_changed),
            "qctl sent": lambda _: _patches(kind, n_changed, sent=True),
            "full": lambda _: _compiles(kind, n_changed),
        },
        agree=agree,
        goals=(Goal("qctl", 20e-6 + 1e-6 * n_changed),),
        unit="patch",
        rounds=25,
    )


PATCHES: tuple[Case, ...] = tuple(_case(kind, n) for kind in ("awg", "qblox") for n in (1, 10, 1_000))
