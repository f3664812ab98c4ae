"""Which physical qubits a program's qubits must stay on."""

from __future__ import annotations

from qctl.errors import CompileError
from qctl.program.body import Body

__all__ = ["places_of"]


def places_of(body: Body, names: tuple[str, ...]) -> list[int] | None:
    """Return the physical qubit of each of the program's qubits where they must not be moved, else None.

    A program with ports stays where it is, and so does one that calls any of its qubits by a physical name.
    """
    physical = [_physical(name, names) for name in body.qubits]
    if not body.ports and not any(place is not None for place in physical):
        return None
    if body.n_qubits > len(names):
        raise CompileError(f"the program has {body.n_qubits} qubits, the processor {len(names)}")
    if all(place is None for place in physical):
        return list(range(body.n_qubits))
    free = iter(sorted(set(range(len(names))) - {place for place in physical if place is not None}))
    return [next(free) if place is None else place for place in physical]


def _physical(name: str, names: tuple[str, ...]) -> int | None:
    """Return the index of a physical qubit, called by its name in lab.toml or as OpenQASM's ``$3``; else None."""
    if name in names:
        return names.index(name)
    if name[:1] == "$" and name[1:].isdigit():
        if int(name[1:]) >= len(names):
            raise CompileError(f"qubit {name} is outside the {len(names)} qubits of the processor")
        return int(name[1:])
    return None
