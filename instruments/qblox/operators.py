"""Operators of set_cond: which one a condition over addresses of triggers is, and which counts it wants inverted.

Source: Qblox documentation, Feedback Trigger Handling (operators of set_cond, inverted counts).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from qctl.errors import CompileError
from qctl.program.conditions import Condition

__all__ = ["Operators", "flagged", "forms_of"]

OR, NOR, AND, NAND, XOR, XNOR = range(6)
"""Operators of set_cond."""

Form = tuple[int, dict[int, int]]
"""An operator, and which counts it wants inverted."""


def forms_of(condition: Condition, address: Mapping[int, int]) -> list[Form]:
    """Return the operators that a condition may be, with the inversions that each wants; parities want none.

    `address` has that of each capture.
    """
    addresses = [address[capture] for capture in condition.captures]
    n = 1 << len(addresses)
    true = [k for k in range(n) if condition.table >> k & 1]
    if len(true) not in (1, n - 1):
        parity = [k for k in range(n) if k.bit_count() % 2]
        odd, even = true == parity, [k for k in range(n) if k not in parity] == true
        return [(XOR if odd else XNOR, dict.fromkeys(addresses, 0))] if odd or even else []
    (row,) = true if len(true) == 1 else [k for k in range(n) if k not in true]
    states = {a: row >> j & 1 for j, a in enumerate(addresses)}
    straight = {a: 1 - state for a, state in states.items()}
    return [(AND, straight), (NOR, states)] if len(true) == 1 else [(NAND, straight), (OR, states)]


def flagged(
    when: Condition, address: Mapping[int, int], zeros: Collection[int], which: Collection[int]
) -> Condition | None:
    """Return a condition over the addresses that triggers came to, of some addresses; None if it is none of that.

    Parameters
    ----------
    address : mapping of int to int
        Of each capture.
    zeros : collection of int
        Addresses that results of 0 are sent to; those of 1 otherwise.
    which : collection of int
        The addresses whose captures have to be told by triggers alone; others may be told one by one.
    """
    keys = sorted({a if (a := address[c]) in which else -1 - c for c in when.captures})
    found: dict[int, bool] = {}
    for k in range(1 << len(when.captures)):
        states = {c: k >> j & 1 for j, c in enumerate(when.captures)}
        sent = [c for c, state in states.items() if state != (address[c] in zeros)]
        came = {address[c] if address[c] in which else -1 - c for c in sent}
        row = sum(1 << keys.index(key) for key in came)
        if found.setdefault(row, when.holds(states)) != when.holds(states):
            return None
    return Condition(tuple(keys), sum(1 << row for row, holds in found.items() if holds))


class Operators:
    """Operators and inversions of all conditions on one sequencer: an address is inverted for all of them or none."""

    def __init__(self, port: str) -> None:
        self._port = port
        self._inverted: dict[int, int] = {}
        self._forms: set[Condition] = set()

    def want(self, when: Condition) -> None:
        """Take a condition over addresses; refuse one that no operator is."""
        used = {address: address for address in when.captures}
        if when in self._forms:
            return
        forms = forms_of(when, used)
        if len(used) > 1 and forms and forms[0][0] < XOR:
            fitting = [
                wanted
                for _, wanted in forms
                if all(self._inverted.get(a, state) == state for a, state in wanted.items())
            ]
            if not fitting:
                forms = []
            else:
                self._inverted.update(fitting[0])
        if not forms:
            raise CompileError(
                f"a pulse on {self._port} depends on measured bits in a way that the trigger network can't tell: it "
                f"knows all, any, none and odd numbers of them, each bit the same way round on one port"
            )
        self._forms.add(when)

    def mask(self, when: Condition) -> tuple[int, int]:
        """Return the mask and the operator of a condition over addresses, once all are known."""
        used = {address: address for address in when.captures}
        mask = sum(1 << a - 1 for a in used.values())
        state = {a: self._inverted.get(a, 0) for a in used.values()}
        forms = forms_of(when, used)
        if forms[0][0] >= XOR:
            return mask, forms[0][0] ^ (sum(state.values()) & 1)
        return mask, next(operator for operator, wanted in forms if wanted == state)

    @property
    def inverted(self) -> tuple[int, ...]:
        """Return the addresses whose counts are inverted."""
        return tuple(sorted(a for a, state in self._inverted.items() if state))
