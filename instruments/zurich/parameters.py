"""What can be asked of a box, and set by hand: parameters of lab.toml's connectors, and the nodes behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qctl.device import Parameter
from qctl.errors import RequestError
from qctl.instruments.zurich import sequencers as can
from qctl.instruments.zurich import uhfqa
from qctl.instruments.zurich.nodes import reference_of
from qctl.lab import Instrument

__all__ = ["Node", "nodes_of"]


@dataclass(frozen=True, slots=True)
class Node:
    """One parameter.

    Attributes
    ----------
    parameter : Parameter
        Name, unit, and whether it is set.
    path : str
        Of its node, below the device.
    words : tuple of str
        What the numbers 0, 1, … of an enumerated node mean; empty for others.
    output : int
        Whose limits bound it; 0 for none.
    """

    parameter: Parameter
    path: str
    words: tuple[str, ...] = ()
    output: int = 0

    def shown(self, value: Any) -> Any:
        """Return a node's value as people read it."""
        if self.words:
            return self.words[int(value)] if 0 <= int(value) < len(self.words) else str(value)
        return self.parameter.kind(value)

    def sent(self, value: Any, name: str) -> Any:
        """Return what a node is set to.

        Raises
        ------
        RequestError
            If the value is not one of those that it can have.
        """
        if not self.words:
            return int(value) if self.parameter.kind is bool else float(value)
        if value not in self.words:
            raise RequestError(f"{name}: {self.parameter.name} = {value!r} is not one of {', '.join(self.words)}")
        return self.words.index(value)


def nodes_of(instrument: Instrument) -> dict[str, Node]:
    """Return the parameters of a box by name: those of its reference, and of the connectors in lab.toml."""
    model = can.MODELS[instrument.model]
    found = [
        Node(
            Parameter("reference", "Where the 10 MHz come from", "", str),
            reference_of(instrument.model)[0], ("internal", "external", "zsync"),
        )
    ]  # fmt: skip
    n_played = model.n_cores * (model.player.n_channels if model.player is not None else 0)
    for n in sorted(instrument.output):
        found += _output(instrument, model, n, n_played)
    for n in sorted(instrument.input):
        if instrument.model == uhfqa.MODEL:
            unit = Parameter(f"input{n}_range_v", f"Largest voltage at input {n}", "V", float, False)
            found.append(Node(unit, f"sigins/{n - 1}/range"))
            continue
        found.append(
            Node(Parameter(f"input{n}_range_dbm", f"Range of input {n}", "dBm", float, False),
                 f"qachannels/{n - 1}/input/range")
        )  # fmt: skip
    return {node.parameter.name: node for node in found}


def _output(instrument: Instrument, model: can.Model, n: int, n_played: int) -> list[Node]:
    if instrument.model in ("zurich-hdawg", uhfqa.MODEL):
        place = f"sigouts/{n - 1}"
        return [
            Node(Parameter(f"output{n}_on", f"Output {n} is on", "", bool), f"{place}/on"),
            Node(Parameter(f"output{n}_range_v", f"Range of output {n}", "V", float, False), f"{place}/range"),
            Node(Parameter(f"output{n}_offset_v", f"Offset of output {n}", "V"), f"{place}/offset", (), n),
        ]
    reads = n > n_played
    place = f"qachannels/{n - n_played - 1}" if reads else f"sgchannels/{n - 1}"
    synthesizer = (n - 1) // 2 + (model.readout is not None)
    center = f"{place}/centerfreq" if reads else f"synthesizers/{synthesizer}/centerfreq"
    return [
        Node(Parameter(f"output{n}_on", f"Output {n} is on", "", bool), f"{place}/output/on"),
        Node(Parameter(f"output{n}_range_dbm", f"Range of output {n}", "dBm", float, False), f"{place}/output/range"),
        Node(Parameter(f"output{n}_center_hz", f"Centre frequency of output {n}", "Hz", float, False), center),
    ]
