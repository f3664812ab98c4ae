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
from qctl.errors import RequestError
from qctl.lab import Lab, processor_meant
from qctl.lab.snapshot import effective

if TYPE_CHECKING:
    from qctl.lab import Processor
    from qctl.lab.snapshot import Snapshot

__all__ = ["Target", "target_of"]

MOST_QUBITS = 1 << 16
"""Of a target without `n_qubits`: the kernels hold a table of all distances."""

_ONE_QUBIT = {
    "rz, sx": 0,
    "rz, sx, x": 1,
    "rz, rx": 2,
    "rz, ry": 3,
    "u3": 4,
    "rz, rphi": 5,
    "rphi": 6,
}
"""Sets of one-qubit gates that can be translated to, as the kernels number them; the first that a target has counts."""
_PREFERRED = ("rz, sx, x", "rz, sx", "rz, rx", "rz, ry", "u3", "rz, rphi", "rphi")
_TWO_QUBIT = (
    *("cz", "cx", "rzx(pi/2)", "rzz(pi/2)", "rxx(pi/2)", "ms(pi/2)"),
    *("rzz", "rxx", "ms", "rzx", "iswap", "sqrtiswap"),
)
"""Gates of two qubits in the order of the kernels' numbers, which is that of preference where nothing else decides."""


@dataclass(frozen=True)
class Target:
    """What a processor can do.

    Attributes
    ----------
    basis : tuple of str
        Native gates: rz and one of sx, rx, ry, rphi (and x beside sx), or u3 or rphi alone; and of two qubits cz, cx,
        iswap, sqrtiswap, rzz, rxx, rzx, ms (these four by any angle) or rzz(pi/2), rxx(pi/2), rzx(pi/2), ms(pi/2). Of
        several the fewest are used, or where rates know each one's error on each edge the least is lost.
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
            named = self.rates.gates
            if named and set(named) != set(self.entanglers):
                raise RequestError(
                    f"rates.pair_error has {', '.join(named)}; the basis has {', '.join(self.entanglers)}"
                )

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
        """
        if processor is None:
            processor = processor_meant(lab.processors, f"lab {lab.name}")
        if not isinstance(lab, Lab):
            values = lab.calibration(processor)
            found = target_of(lab.description.processor(processor))
            return replace(found, rates=rates_of(values)) if values.number else found
        found = target_of(lab.processor(processor))
        return found if snapshot is None else replace(found, rates=rates_of(effective(lab, processor, snapshot)))

    def gates(self) -> tuple[int, NDArray[np.uint8]]:
        """Return which one- and two-qubit gates are used, as the kernels number them.

        Raises
        ------
        RequestError
            If nothing can be translated to these gates.
        """
        has = set(self.basis)
        one = next((key for key in _PREFERRED if has >= set(key.split(", "))), None)
        two = self.entanglers or (("cz",) if self.edges == () else ())
        lacks = [
            *(["rz with sx, rx, ry or rphi, or u3 or rphi"] if one is None else []),
            *([f"one of {', '.join(_TWO_QUBIT)}"] if not two else []),
        ]
        if one is None or not two:
            raise RequestError(f"basis = {list(self.basis)} lacks {' and '.join(lacks)}")
        return _ONE_QUBIT[one], np.array([_TWO_QUBIT.index(name) for name in two], np.uint8)

    @property
    def entanglers(self) -> tuple[str, ...]:
        """Return the two-qubit gates that are used, in the order of preference."""
        return tuple(name for name in _TWO_QUBIT if name in self.basis)

    def prices(self, n: int) -> NDArray[np.float64] | None:
        """Return the price of each two-qubit gate on each pair, (n_gates, n, n), or None if they are all the same."""
        if self.rates is None or len(self.rates.gates) < 2 or self.edges is None:
            return None
        known = self.rates.pair_prices(self.edges, n, directed=False)
        found = known[[self.rates.gates.index(name) for name in self.entanglers]]
        return np.where(np.isfinite(found), found, 0.0)

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
        if self.rates is not None and self.edges is not None:
            price = self.rates.pair_prices(self.edges, n, directed=True).min(axis=0)
            found[price > price.T] = 0
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
    RequestError
        If it is no processor.
    """
    platform = getattr(processor, "platform", None)
    if platform is None:
        raise RequestError(f"{processor!r} is no Target and no processor; Target(edges=[(0, 1), (1, 2)]) couples pairs")
    number = {name: k for k, name in enumerate(processor.qubits)}
    edges = []
    for key in processor.coupler:
        first, _, second = key.partition("-")
        edges.append((number[first], number[second]))
    return Target(tuple(processor.native_gates), tuple(edges), len(processor.qubits))
