"""The names of a program's qubits, bits, ports and frames, shared by its copies until one of them adds a name."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from qctl.errors import RequestError
from qctl.program.tables import Symbol, SymbolKind

__all__ = ["SymbolTable", "default_table", "refuse_unnamable", "shared_table"]


class SymbolTable:
    """Names in index order, and the index of each name.

    Attributes
    ----------
    qubits, bits : list of str
    ports : list of Symbol
        Ports and frames.
    index : dict of SymbolKind to dict of str to int
        Frames are under PORT.
    shared : bool
        Whether several programs have it; then it is copied before it is changed.
    """

    __slots__ = ("bits", "index", "ports", "qubits", "shared")

    def __init__(self) -> None:
        self.qubits: list[str] = []
        self.bits: list[str] = []
        self.ports: list[Symbol] = []
        self.index: dict[SymbolKind, dict[str, int]] = {k: {} for k in SymbolKind}
        self.shared = False

    def copy(self) -> SymbolTable:
        """Return a table of its own with the same names."""
        new = SymbolTable()
        new.qubits, new.bits, new.ports = self.qubits.copy(), self.bits.copy(), self.ports.copy()
        new.index = {kind: names.copy() for kind, names in self.index.items()}
        return new

    def add(self, kind: SymbolKind, names: Iterable[str]) -> None:
        """Add qubits or bits, or reserve the name of a port or frame.

        Raises
        ------
        RequestError
            If a name is not a string of 1 to 255 bytes, or is there already; those before it were added.
        """
        index = self.index[kind]
        listed = {SymbolKind.QUBIT: self.qubits, SymbolKind.BIT: self.bits}.get(kind)
        for name in names:
            refuse_unnamable(kind.name.lower(), name)
            if name in index:
                raise RequestError(f"{kind.name.lower()} {name!r} is there already")
            index[name] = len(index)
            if listed is not None:
                listed.append(name)


def refuse_unnamable(what: str, name: object) -> None:
    """Refuse a name that is not a string of 1 to 255 bytes.

    Raises
    ------
    RequestError
        If so, with what was to have the name.
    """
    if not isinstance(name, str) or not 0 < len(name.encode(errors="replace")) < 256:
        raise RequestError(f"{what} name = {name!r} is not a string of 1 to 255 bytes")


@lru_cache(maxsize=64)
def default_table(n_qubits: int, n_bits: int) -> SymbolTable:
    """Return the shared table of qubits ``q[0]`` … and bits ``c[0]`` …."""
    return shared_table(tuple(f"q[{i}]" for i in range(n_qubits)), tuple(f"c[{i}]" for i in range(n_bits)))


@lru_cache(maxsize=64)
def shared_table(qubits: tuple[str, ...], bits: tuple[str, ...]) -> SymbolTable:
    """Return the shared table of qubits and bits of these names."""
    table = SymbolTable()
    table.add(SymbolKind.QUBIT, qubits)
    table.add(SymbolKind.BIT, bits)
    table.shared = True
    return table
