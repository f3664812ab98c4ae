"""Translate gates to a target: native gates, layout and routing on its coupling graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qctl.compiler.decompose import decompose
from qctl.compiler.layout import Graph
from qctl.compiler.route import Routed, route
from qctl.compiler.simplify import simplify
from qctl.compiler.steps import Step, split_measurements
from qctl.errors import CompileError, RequestError
from qctl.program.opcodes import GATES, Op

if TYPE_CHECKING:
    from qctl.lab import Processor

__all__ = ["Target", "native_steps", "target_of"]

NATIVE = frozenset(("rz", "sx", "cz"))
"""Gates that this version can translate to."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a processor can do.

    Attributes
    ----------
    basis : tuple of str
        Native gates; they must include rz, sx and cz.
    edges : tuple of (int, int) or None
        Coupled pairs; None couples every pair.
    n_qubits : int or None
        Number of qubits; None takes it from the edges, or from the program.
    """

    basis: tuple[str, ...] = ("rz", "sx", "cz")
    edges: tuple[tuple[int, int], ...] | None = None
    n_qubits: int | None = None

    def __post_init__(self) -> None:
        missing = sorted(NATIVE - set(self.basis) - (set() if self.edges != () else {"cz"}))
        if missing:
            raise RequestError(
                f"basis = {list(self.basis)} lacks {', '.join(missing)}: only rz, sx and cz can be translated to"
            )
        for a, b in self.edges or ():
            if a == b or min(a, b) < 0 or (self.n_qubits is not None and max(a, b) >= self.n_qubits):
                raise RequestError(f"edge ({a}, {b}) joins no two of the {self.n_qubits} qubits")

    def graph(self, n_program: int) -> Graph:
        """Return the coupling graph, for a program of `n_program` qubits."""
        if self.edges is None:
            n = n_program if self.n_qubits is None else self.n_qubits
            return {q: frozenset(range(n)) - {q} for q in range(n)}
        highest = max((max(edge) for edge in self.edges), default=-1)
        n = highest + 1 if self.n_qubits is None else self.n_qubits
        near: dict[int, set[int]] = {q: set() for q in range(n)}
        for a, b in self.edges:
            near[a].add(b)
            near[b].add(a)
        return {q: frozenset(who) for q, who in near.items()}


def target_of(processor: Processor) -> Target:
    """Return what a processor of a lab can do, in the order of its qubits.

    Raises
    ------
    CompileError
        If gates for its platform can't be compiled yet.
    """
    if processor.platform != "transmon":
        raise CompileError(f"{processor.name} is of the platform {processor.platform}; only transmon is compiled yet")
    number = {name: k for k, name in enumerate(processor.qubits)}
    edges = []
    for key in processor.coupler:
        first, _, second = key.partition("-")
        edges.append((number[first], number[second]))
    return Target(tuple(processor.native_gates), tuple(edges), len(processor.qubits))


def native_steps(
    steps: Sequence[Step], n_qubits: int, target: Target, *, level: int = 1, seed: int = 0, fixed: bool = False
) -> Routed:
    """Return a straight line on the target's qubits, with rz, sx and cz alone as gates; exact up to a global phase.

    Parameters
    ----------
    steps : sequence of Step
        The program.
    n_qubits : int
        Its qubits.
    target : Target
        Where it goes.
    level : int
        0 keeps the program's numbers as start layout, 1 and above search one.
    seed : int
        Of layout and routing.
    fixed : bool
        Refuse to move qubits: for programs that name physical lines.

    Raises
    ------
    CompileError
        If it doesn't fit, or would have to move qubits although it is fixed.
    """
    graph = target.graph(n_qubits)
    if n_qubits > len(graph):
        raise CompileError(f"the program has {n_qubits} qubits, the target {len(graph)}")
    first = simplify(_physical(decompose(tuple(steps))), n_qubits)
    if fixed:
        _check_pairs(first, graph)
        kept = tuple(range(n_qubits))
        routed = Routed(tuple(first), kept, kept, 0)
    else:
        # A measured qubit is never moved: what ends with a measurement is measured where routing has brought it.
        unmeasured, last = split_measurements(first)
        routed = route(unmeasured, n_qubits, graph, seed, level)
        place = routed.final_layout
        ends = (step._replace(qubits=(place[step.qubits[0]],)) for step in last)
        routed = Routed((*routed.steps, *ends), routed.layout, place, routed.n_swaps)
    final = simplify(routed.steps, len(graph), expand_swaps=True)
    return Routed(tuple(final), routed.layout, routed.final_layout, routed.n_swaps)


def _physical(steps: Iterable[Step]) -> Iterable[Step]:
    """Refuse gates that are left over by mistake."""
    for step in steps:
        if step.op in GATES and len(step.qubits) > 1 and step.op is not Op.CZ:
            raise CompileError(f"{step.op.name.lower()} was not decomposed")
        yield step


def _check_pairs(steps: Iterable[Step], graph: Graph) -> None:
    for step in steps:
        if step.op is Op.CZ and step.qubits[1] not in graph[step.qubits[0]]:
            a, b = step.qubits
            raise CompileError(
                f"qubits {a} and {b} have no coupler, and a program that names ports can't be moved to other qubits"
            )
