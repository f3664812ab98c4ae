"""NoiseModel: which channel follows which gate on which qubits, how qubits decay while idle, and how they are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral
from types import MappingProxyType
from warnings import warn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qctl.errors import RequestError
from qctl.lab.lab import Lab
from qctl.lab.snapshot import Snapshot
from qctl.program.body import Body
from qctl.program.layout import Flag
from qctl.program.opcodes import CONTROLLED, CONTROLLED_NAMES, GATES, OP_BY_NAME, Op
from qctl.simulation.channels import Channel, thermal_relaxation

__all__ = ["NoiseModel"]

Place = tuple[int, ...] | None
Channels = tuple[Channel, ...]
Placed = tuple[Channel, tuple[int, ...]]


def _nothing() -> Mapping:
    return MappingProxyType({})


@dataclass(frozen=True, eq=False)
class NoiseModel:
    """Say what goes wrong, and where.

    A model is frozen: `on`, `read` and `idle` return a new one. Of several rules that fit a gate, the one for its
    opcode and qubits holds, then that for its opcode, then that for its qubits, then that for any gate.

    Attributes
    ----------
    rules : mapping of (op, qubits or None) to channels
        After a gate (before a measurement, after a reset) on these qubits, or on any.
    defaults : mapping of (n_qubits, qubits or None) to channels
        After gates that have no rule.
    confusion : mapping of int or None to (2, 2) float64
        ``[i][j]`` is the probability to read j of a qubit in state i; None stands for all other qubits.
    lifetimes : mapping of int or None to (t1_s, t2_s)
        Of delays.
    missing : tuple of str
        What a calibration that it was made from doesn't say: those parts are ideal.

    Examples
    --------
    >>> noise = NoiseModel().on("cx", depolarising(0.01, 2)).read([[0.99, 0.01], [0.03, 0.97]])
    """

    rules: Mapping[tuple[Op, Place], Channels] = field(default_factory=_nothing)
    defaults: Mapping[tuple[int, Place], Channels] = field(default_factory=_nothing)
    confusion: Mapping[int | None, NDArray[np.float64]] = field(default_factory=_nothing)
    lifetimes: Mapping[int | None, tuple[float, float]] = field(default_factory=_nothing)
    missing: tuple[str, ...] = ()

    def on(
        self,
        ops: str | Op | Iterable[str | Op] | None,
        *channels: Channel,
        qubits: Iterable[int] | None = None,
    ) -> NoiseModel:
        """Return the model with these channels after these gates, in place of what such a rule said before.

        Parameters
        ----------
        ops : str, Op, several of them, or None
            Gates, ``measure`` or ``reset``; None stands for every gate without a rule on as many qubits as the largest
            channel (or as `qubits`).
        *channels : Channel
            In this order. A channel on one qubit acts on each qubit of a larger gate that is named; without
            channels such gates are ideal.
        qubits : ints, optional
            In the gate's order; a gate on the same qubits in another order counts too, without a rule of its own.

        Raises
        ------
        RequestError
            If a word is no gate, a qubit no index or named twice, or the channels fit neither each other nor the gate.
        """
        for channel in channels:
            if not isinstance(channel, Channel):
                raise RequestError(f"{channel!r} is no Channel: `qctl.channels` makes them")
        place = None if qubits is None else _place(qubits)
        largest = max((channel.n_qubits for channel in channels), default=1)
        if ops is None:
            size = len(place) if place is not None else largest
            _refuse_misfit(channels, size, f"gates on {size} qubits")
            return replace(self, defaults=MappingProxyType({**self.defaults, (size, place): channels}))
        rules = dict(self.rules)
        for word in [ops] if isinstance(ops, str) or not isinstance(ops, Iterable) else ops:
            op = _op(word)
            size = GATES[op].n_qubits if op in GATES else 1
            if place is not None and size > 0 and len(place) != size:
                raise RequestError(f"{op.name.lower()} acts on {size} qubits, not on {place}")
            _refuse_misfit(channels, size, op.name.lower())
            rules[op, place] = channels
        return replace(self, rules=MappingProxyType(rules))

    def read(self, matrix: ArrayLike, qubit: int | None = None) -> NoiseModel:
        """Return the model with this readout: ``matrix[i][j]`` is the probability to read j of a qubit in state i.

        Raises
        ------
        RequestError
            If the rows are no probabilities.
        """
        name = "all qubits" if qubit is None else f"qubit {_place((qubit,))[0]}"
        try:
            found = np.array(matrix, np.float64)
        except (TypeError, ValueError) as error:
            raise RequestError(f"readout of {name}: {matrix!r} is no matrix of numbers: {error}") from None
        if found.shape != (2, 2) or not (found >= 0).all() or abs(found.sum(axis=1) - 1).max() > 1e-9:
            raise RequestError(f"readout of {name}: {found.tolist()} has no two rows of probabilities that sum to 1")
        found.setflags(write=False)
        return replace(self, confusion=MappingProxyType({**self.confusion, qubit: found}))

    def idle(self, t1_s: float, t2_s: float, qubit: int | None = None) -> NoiseModel:
        """Return the model in which a qubit relaxes during delays.

        Raises
        ------
        RequestError
            If T2 is above 2 T1, or a time is not above 0.
        """
        thermal_relaxation(t1_s, t2_s, 0.0)
        _place(() if qubit is None else (qubit,))
        return replace(self, lifetimes=MappingProxyType({**self.lifetimes, qubit: (float(t1_s), float(t2_s))}))

    @classmethod
    def from_lab(
        cls,
        lab: Lab,
        processor: str,
        snapshot: Snapshot | None = None,
        *,
        readout: Mapping[str, ArrayLike] | None = None,
        fidelities: Mapping[str, float] | None = None,
    ) -> NoiseModel:
        """Return the model of a processor's calibration; `qctl.simulation.calibrated` says what it is made of."""
        from qctl.simulation.calibrated import calibrated

        return calibrated(cls(), lab, processor, snapshot, readout or {}, fidelities or {})

    def after(self, op: Op, qubits: tuple[int, ...]) -> list[Placed]:
        """Return the channels of a gate (measurement, reset) on these qubits, each with the qubits it acts on.

        A gate under generic controls counts as the one that has them in its name, where there is one: x on two qubits
        is cx.

        Raises
        ------
        RequestError
            If a rule's channel fits neither one qubit nor the whole gate.
        """
        channels, order = self._rule(_named(op, len(qubits)), qubits)
        placed: list[Placed] = []
        for channel in channels:
            if channel.n_qubits == len(order):
                placed.append((channel, order))
            elif channel.n_qubits == 1:
                placed += [(channel, (q,)) for q in order]
            else:
                raise RequestError(f"{channel.name} acts on {channel.n_qubits} qubits, {op.name.lower()} on {order}")
        return placed

    def readout_of(self, qubit: int) -> NDArray[np.float64] | None:
        """Return a qubit's readout matrix, or None if it is read without errors."""
        return self.confusion.get(qubit, self.confusion.get(None))

    def waiting(self, qubit: int, time_s: float) -> Channel | None:
        """Return what a delay does to a qubit, or None if nothing."""
        lifetimes = self.lifetimes.get(qubit, self.lifetimes.get(None))
        if lifetimes is None or time_s <= 0:
            return None
        return thermal_relaxation(*lifetimes, time_s)

    def warn_of_ideal(self, body: Body) -> None:
        """Warn of gates on three or more qubits that no rule covers while smaller ones have defaults: they are ideal.

        Channels act on one or two qubits, so that a default can't be for such gates.
        """
        if not any(self.defaults.values()):
            return
        seen: set[Op] = set()
        for i in np.flatnonzero(body.instructions["flags"] & Flag.WIDE).tolist():
            n_qubits = int(body.instructions["b"][i])
            if n_qubits < 3 or int(body.instructions["op"][i]) not in GATES:
                continue
            op, qubits, _, _ = body.gate(i)
            name = _named(op, n_qubits)
            if name not in seen and not self._ruled(name, qubits):
                seen.add(name)
                word = name.name.lower()
                warn(
                    f"{word} at instruction {i} acts on {n_qubits} qubits, and no rule of the noise model is for it: "
                    f"it is played without noise; translate the program first, or say .on({word!r}, …)",
                    stacklevel=3,
                )

    def _ruled(self, op: Op, qubits: tuple[int, ...]) -> bool:
        """Say whether there is a rule for a gate, be it that it is ideal."""
        orders = (qubits, qubits[::-1], tuple(sorted(qubits)), None)
        return any((op, order) in self.rules or (len(qubits), order) in self.defaults for order in orders)

    @property
    def channels(self) -> Channels:
        """Return all channels of its rules."""
        return tuple(channel for rules in (self.rules, self.defaults) for group in rules.values() for channel in group)

    def _rule(self, op: Op, qubits: tuple[int, ...]) -> tuple[Channels, tuple[int, ...]]:
        orders = dict.fromkeys((qubits, qubits[::-1], tuple(sorted(qubits))))
        for order in orders:
            if (op, order) in self.rules:
                return self.rules[op, order], order
        if (op, None) in self.rules:
            return self.rules[op, None], qubits
        if op in GATES:
            for order in orders:
                if (len(order), order) in self.defaults:
                    return self.defaults[len(order), order], order
            return self.defaults.get((len(qubits), None), ()), qubits
        return (), qubits


def _named(op: Op, n_qubits: int) -> Op:
    """Return the gate that has its controls in its name, if there is one: x on two qubits is cx."""
    if op not in GATES or not 0 <= GATES[op].n_qubits < n_qubits:
        return op
    base, n_controls = CONTROLLED.get(op, (op, 0))
    return CONTROLLED_NAMES.get((base, n_controls + n_qubits - GATES[op].n_qubits), op)


def _place(qubits: Iterable[int]) -> tuple[int, ...]:
    """Return the indices of the qubits of a rule."""
    found = tuple(qubits) if isinstance(qubits, Iterable) else (qubits,)
    for q in found:
        if isinstance(q, bool) or not isinstance(q, Integral) or q < 0:
            raise RequestError(f"qubit = {q!r} is no index, a whole number from 0 on")
    if len(set(found)) < len(found):
        raise RequestError(f"qubits = {list(found)} name one twice")
    return tuple(int(q) for q in found)


def _refuse_misfit(channels: Channels, size: int, name: str) -> None:
    for channel in channels:
        if channel.n_qubits not in (1, size) and size >= 0:
            raise RequestError(f"{channel.name} acts on {channel.n_qubits} qubits, {name} on {size}")


def _op(word: str | Op) -> Op:
    op = word if isinstance(word, Op) else OP_BY_NAME.get(word) if isinstance(word, str) else None
    if op is None or not (op in GATES or op in (Op.MEASURE, Op.RESET)):
        raise RequestError(f"{word!r} is no gate, nor 'measure' or 'reset': no noise can follow it")
    return op
