"""Results that go from box to box by a PQSC: in which register each is kept, and which of them each box is sent.

A readout channel sends its bits with each startQA to a register of the PQSC, one for each integrator. Registers keep
theirs, and where one changes the PQSC sends a box the pairs of bits that are meant for it, of any registers: so results
of several boxes, and of earlier rounds, decide together.

Source: zhinst-toolkit, examples ``active_qubit_reset.md`` (eight pairs of bits in a message, each a register and an
index; ``startQA``'s fourth argument is the register), ``bell_state_stabilization.md`` (a register that changes is sent
with what the others have); laboneq 26.7, ``handle_feedback_registers.rs`` (32 registers, bits in the order of
integrators), ``controller/devices`` (``dios``, ``diozsyncswitch``, ``registerbank``); zhinst-timing-models 26.7,
register forwarding: from the end of an integration to the message, at most, whenever that ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from qctl.errors import CompileError
from qctl.instruments.rows import Rows
from qctl.lab import Instrument, Lab
from qctl.program.conditions import Condition
from qctl.program.sampling import envelope_length
from qctl.program.straights import Straights
from qctl.units import rational_hz

__all__ = [
    "HUB",
    "HUB_FEEDBACK_NS",
    "KNOWN",
    "N_PAIRS",
    "N_REGISTERS",
    "WAIT",
    "Answer",
    "Heard",
    "Plan",
    "check_hub",
    "hub_of",
    "planned",
]

HUB = "zurich-pqsc"
WAIT = "waitZSyncTrigger();\n"
N_REGISTERS, N_PAIRS = 32, 8
HUB_FEEDBACK_NS = 624
"""From the end of a capture to what it may decide: what LabOne Q 26.7 leaves an HDAWG (616 ns), and a grid step."""
KNOWN = {"zurich-hdawg": 796, "zurich-shfsg": 768, "zurich-shfqc": 768}
"""Samples at 2 GSa/s from the end of an integration to its message in a box, at most."""
_RATE_HZ = 2.0e9
_UNREAD = N_REGISTERS - 1
"""Where results go that decide nothing."""


class Answer(NamedTuple):
    """The result of a capture: from which event, of which integrator, and when it ends in samples of the point."""

    event: int
    integrator: int
    end: int


@dataclass(slots=True)
class Heard:
    """What a readout channel finds: by point, its answers by column of captures, and how many events it has.

    Attributes
    ----------
    answers : list of dict of int to Answer
        By point.
    n_events : int
        Of all points.
    zero : int
        Samples from the start of a point to time zero.
    """

    answers: list[dict[int, Answer]]
    n_events: int
    zero: int


class _Bit(NamedTuple):
    """A result as the PQSC has it: its register, its integrator, and when its integration ends."""

    register: int
    integrator: int
    end: int


class _Event(NamedTuple):
    """A startQA whose results decide: when it ends, of which box's channel, which of its events, answers by column."""

    end_s: float
    place: tuple[str, int]
    number: int
    answers: dict[int, Answer]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a PQSC keeps and sends in a batch.

    Attributes
    ----------
    registers : dict of (str, int) to list of int
        Of a box's readout channel: where each of its events goes.
    bits : list of dict of int to _Bit
        By point, the results that decide, by column of captures.
    pairs : dict of str to tuple of (int, int)
        By box, the pairs of bits of a message: register, and index in it.
    """

    registers: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    bits: list[dict[int, _Bit]] = field(default_factory=list)
    pairs: dict[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    def word(self, box: str, point: int, column: int) -> tuple[int, int] | None:
        """Return the bit of a result in the message to a box, and the sample in which its integration ends."""
        bit, pairs = self.bits[point].get(column), self.pairs.get(box, ())
        if bit is None or (bit.register, bit.integrator // 2) not in pairs:
            return None
        return 2 * pairs.index((bit.register, bit.integrator // 2)) + bit.integrator % 2, bit.end


def hub_of(instrument: Instrument, lab: Lab) -> Instrument | None:
    """Return the PQSC that a box's trigger comes from by ZSync, or None."""
    source = lab.instrument(instrument.trigger.source) if instrument.trigger is not None else None
    return source if source is not None and source.model == HUB else None


def check_hub(instrument: Instrument, hub: Instrument) -> None:
    """Refuse what can't be on a PQSC.

    Raises
    ------
    CompileError
        If a box has no ZSync, or another rate than those latencies are known for.
    """
    if instrument.model == "zurich-uhfqa":
        raise CompileError(f"{instrument.name} is a UHFQA, which has no ZSync: its trigger can't come from {hub.name}")
    if instrument.clock_hz != _RATE_HZ:
        raise CompileError(
            f"{instrument.name}: clock_hz = {instrument.clock_hz} is not {_RATE_HZ:g}, the rate of boxes on a PQSC: "
            f"latencies by {hub.name} are known for it"
        )


def planned(
    heard: Mapping[tuple[str, int], Heard], straights: Straights, rows: Rows,
    conditions: Sequence[Sequence[Condition | None]], lab: Lab, hub: Instrument,
) -> Plan:  # fmt: skip
    """Return which register takes each result, and what each box is sent.

    A register is taken again when nothing depends any more on what it has.

    Raises
    ------
    CompileError
        If there are too few registers, or too few places in a message.
    """
    plan = Plan({place: [_UNREAD] * one.n_events for place, one in heard.items()})
    wanted: dict[str, set[tuple[int, int]]] = {}
    lengths_s = [envelope_length(one, rational_hz(_RATE_HZ)) / _RATE_HZ for one in rows.waveforms]
    for p, mine in enumerate(conditions):
        used = _used(straights, rows, p, mine, lengths_s)
        bits: dict[int, _Bit] = {}
        free_s = [0.0] * _UNREAD
        for event in _events(heard, p, used):
            register = next((r for r, since_s in enumerate(free_s) if since_s <= event.end_s), None)
            if register is None:
                raise CompileError(
                    f"point {p}: more than {_UNREAD} measurements decide plays at a time; {hub.name} has that many "
                    f"registers, and one for all others: use each result sooner",
                    instrument=hub.name,
                )
            free_s[register] = max(used[column] for column in event.answers)
            plan.registers[event.place][event.number] = register
            for column, answer in event.answers.items():
                bits[column] = _Bit(register, answer.integrator, answer.end)
        plan.bits.append(bits)
        _want(wanted, straights, rows, p, mine, bits, lab)
    for box, pairs in wanted.items():
        if len(pairs) > N_PAIRS:
            raise CompileError(
                f"{box} plays by {len(pairs)} pairs of results; {hub.name} sends a box {N_PAIRS} at a time: use each "
                f"result before the next measurements, or measure these qubits next to each other in lab.toml's order",
                instrument=box,
            )
        plan.pairs[box] = tuple(sorted(pairs))
    return plan


def _events(heard: Mapping[tuple[str, int], Heard], p: int, used: Mapping[int, float]) -> list[_Event]:
    """Return the events of a point whose results are used, in the order in which they end."""
    found: dict[tuple[tuple[str, int], int], _Event] = {}
    for place, one in heard.items():
        for column, answer in one.answers[p].items() if p < len(one.answers) else ():
            if column in used:
                event = _Event((answer.end - one.zero) / _RATE_HZ, place, answer.event, {})
                found.setdefault((place, answer.event), event).answers[column] = answer
    return sorted(found.values(), key=lambda event: event[:3])


def _used(
    straights: Straights, rows: Rows, p: int, mine: Sequence[Condition | None], lengths_s: Sequence[float]
) -> dict[int, float]:
    """Return by column of captures when the last play ends that depends on it, in seconds from time zero."""
    found: dict[int, float] = {}
    first = int(rows.bounds[p])
    for k, when in enumerate(mine):
        if when is not None:
            play = rows.plays[first + k]
            start_s = float(int(play["start"]) / straights.ports[int(play["port"])].rate_hz)
            until_s = start_s + lengths_s[int(play["waveform"])]
            for column in when.captures:
                found[column] = max(found.get(column, 0.0), until_s)
    return found


def _want(
    wanted: dict[str, set[tuple[int, int]]], straights: Straights, rows: Rows, p: int,
    mine: Sequence[Condition | None], bits: Mapping[int, _Bit], lab: Lab,
) -> None:  # fmt: skip
    """Note the pairs of bits that each box's plays depend on."""
    first = int(rows.bounds[p])
    for k, when in enumerate(mine):
        if when is not None:
            port = lab.port(straights.ports[int(rows.plays["port"][first + k])].name)
            pairs = {(bits[c].register, bits[c].integrator // 2) for c in when.captures if c in bits}
            for box in {ref.instrument for ref in port.outputs}:
                wanted.setdefault(box, set()).update(pairs)
