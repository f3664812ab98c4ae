"""What a target can do: its native gates, and which qubits are coupled."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.calibrated import rates_of
from qctl.compiler.rates import Rates
from qctl.errors import CompileError, RequestError
from qctl.lab import Lab
from qctl.lab.snapshot import effective

if TYPE_CHECKING:
    from qctl.lab import Processor
    from qctl.lab.snapshot import Snapshot

__all__ = ["Target", "target_of"]

MOST_QUBITS = 1 << 16
"""Of a target without `n_qubits`: the kernels hold a table of all distances."""

_ONE_QUBIT = {"rz, sx": 0, "rz, sx, x": 1, "rz, rx": 2, "rz, ry": 3, "u3": 4}
"""Sets of one-qubit gates that can be translated to, as the kernels number them; the first that a target has counts."""
_TWO_QUBIT = {"cz": 0, "cx": 1}
_PREFERRED = ("rz, sx, x", "rz, sx", "rz, rx", "rz, ry", "u3")


@dataclass(frozen=True)
class Target:
    """What a processor can do.

    Attributes
    ----------
    basis : tuple of str
        Native gates: rz and one of sx, rx, ry (and x beside sx), or u3; and cz or cx.
    edges : tuple of (int, int) or None
        Coupled pairs; None couples every pair.
    n_qubits : int or None
        Number of qubits; None takes it from the edges, or from the program.
    directed : bool
        Each edge is (control, target) of a cx that exists in this direction alone, unless the other is listed too.
    rates : Rates, optional
        Errors and times of its gates: where they are known, the layout and the couplers that are used follow them.
    """

    basis: tuple[str, ...] = ("rz", "sx", "cz")
    edges: tuple[tuple[int, int], ...] | None = None
    n_qubits: int | None = None
    directed: bool = False
    rates: Rates | None = None

    def __post_init__(self) -> None:
        self.gates()
        if self.edges is not None:
            object.__setattr__(self, "edges", tuple(_edge(edge, self.n_qubits) for edge in self.edges))
        if self.rates is not None:
            self.rates.check(self.edges, self.n_qubits)

    @classmethod
    def from_lab(cls, lab: Any, processor: str | None = None, snapshot: Snapshot | None = None) -> Target:
        """Return what a processor can do, with the rates of its calibration if there is a snapshot.

        Parameters
        ----------
        lab : Lab
            Of `qctl.lab`; or of `qctl.connect`, whose newest snapshot counts.
        processor : str, optional
            May be left out if there is only one.
        snapshot : Snapshot, optional
            Of a `qctl.lab.Lab`.

        Raises
        ------
        RequestError
            If there is no such processor, or none is named of several.
        CompileError
            If gates for its platform can't be compiled yet.
        """
        if processor is None:
            if len(lab.processors) != 1:
                raise RequestError(f"lab has {len(lab.processors)} processors: name one of {', '.join(lab.processors)}")
            processor = next(iter(lab.processors))
        if not isinstance(lab, Lab):
            values = lab.calibration(processor)
            found = target_of(lab.description.processor(processor))
            return replace(found, rates=rates_of(values)) if values.number else found
        found = target_of(lab.processor(processor))
        return found if snapshot is None else replace(found, rates=rates_of(effective(lab, processor, snapshot)))

    def gates(self) -> tuple[int, int]:
        """Return which one- and two-qubit gates are used, as the kernels number them.

        Raises
        ------
        RequestError
            If nothing can be translated to these gates.
        """
        has = set(self.basis)
        one = next((key for key in _PREFERRED if has >= set(key.split(", "))), None)
        two = next((key for key in _TWO_QUBIT if key in has), None if self.edges != () else "cz")
        lacks = [*(["rz with sx, rx or ry"] if one is None else []), *(["cz or cx"] if two is None else [])]
        if one is None or two is None:
            raise RequestError(f"basis = {list(self.basis)} lacks {' and '.join(lacks)}")
        return _ONE_QUBIT[one], _TWO_QUBIT[two]

    def size(self, n_program: int) -> int:
        """Return the number of qubits, for a program of `n_program`."""
        if self.n_qubits is not None:
            return self.n_qubits
        return n_program if self.edges is None else max((max(edge) for edge in self.edges), default=-1) + 1

    @cached_property
    def _pairs(self) -> NDArray[np.int32]:
        each = sorted({(min(edge), max(edge)) for edge in self.edges or ()})
        return np.ascontiguousarray(np.array(each, np.int32).reshape(-1, 2).T)

    def pairs(self) -> NDArray[np.int32]:
        """Return the coupled pairs, each once: (2, n) int32."""
        return self._pairs

    def one_way(self, n: int) -> NDArray[np.uint8] | None:
        """Return the directions in which alone a cx exists, (n, n) of control and target, or None for both ways."""
        if not self.directed:
            return None
        found = np.zeros((n, n), np.uint8)
        for edge in self.edges or ():
            found[edge] = 1
        return found

    def couples(self, a: int, b: int) -> bool:
        """Say whether two qubits are coupled."""
        return self.edges is None or (a, b) in self.edges or (b, a) in self.edges


def _edge(given: Any, n_qubits: int | None) -> tuple[int, int]:
    """Return a coupled pair; refuse what is none."""
    most = MOST_QUBITS if n_qubits is None else n_qubits
    try:
        a, b = (operator.index(q) for q in given)
    except (TypeError, ValueError):
        raise RequestError(f"edge {given!r} is no pair of qubits, whole numbers from 0 on") from None
    if a == b or min(a, b) < 0 or max(a, b) >= most:
        raise RequestError(f"edge ({a}, {b}) joins no two different qubits of {most}")
    return a, b


def target_of(processor: Processor) -> Target:
    """Return what a processor of a lab can do, in the order of its qubits.

    Raises
    ------
    CompileError
        If gates for its platform can't be compiled yet.
    """
    platform = getattr(processor, "platform", None)
    if platform is None:
        raise RequestError(f"{processor!r} is no Target and no processor; Target(edges=[(0, 1), (1, 2)]) couples pairs")
    if platform != "transmon":
        raise CompileError(f"{processor.name} is of the platform {platform}; only transmon is compiled yet")
    number = {name: k for k, name in enumerate(processor.qubits)}
    edges = []
    for key in processor.coupler:
        first, _, second = key.partition("-")
        edges.append((number[first], number[second]))
    return Target(tuple(processor.native_gates), tuple(edges), len(processor.qubits))
