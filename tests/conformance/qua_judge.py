"""A recording stand-in for an OPX: runs QUA text by its syntax tree, and notes when which element plays what.

Written from QUA's public documentation: elements count their own cycles of 4 ns, `align` brings them together, an
oscillator's phase is that of its frequency since `reset_if_phase`, a frame is added to it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Played", "Recorder"]

CYCLE_NS = 4


@dataclass(frozen=True)
class Played:
    """One pulse: element, operation, ns since the first `align`, amplitude scale, Hz, turns of the frame, and weights.

    `zero_ns` is when its oscillator was reset.
    """

    element: str
    operation: str
    start_ns: int
    scale: float
    hz: int
    turns: float
    zero_ns: int
    outputs: tuple[tuple[str, ...], ...] = ()


class _Name(str):
    """A variable or stream."""


@dataclass
class Recorder:
    """Runs a program.

    Attributes
    ----------
    text : str
    config : dict
        As JSON has it.
    played : list of Played
    saved : dict of str to int
        How often each stream was saved into.
    streams : dict of str to str
        What stream processing saves, and how.
    """

    text: str
    config: dict[str, Any]
    played: list[Played] = field(default_factory=list)
    saved: dict[str, int] = field(default_factory=dict)
    streams: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.values: dict[str, Any] = {}
        elements = self.config["elements"]
        self.at = dict.fromkeys(elements, 0)
        self.hz = {name: one["intermediate_frequency"] for name, one in elements.items()}
        self.frame = dict.fromkeys(elements, 0.0)
        self.zero = dict.fromkeys(elements, 0)
        self.pending: set[str] = set()
        tree = ast.parse(self.text)
        assert isinstance(tree.body[0], ast.ImportFrom) and tree.body[0].module == "qm.qua"
        (program,) = tree.body[1:]
        assert isinstance(program, ast.With)
        self._run(program.body)

    def _run(self, body: list[ast.stmt]) -> None:
        for statement in body:
            if isinstance(statement, ast.Assign):
                (target,) = statement.targets
                assert isinstance(target, ast.Name) and isinstance(statement.value, ast.Call)
                self.values[target.id] = self._declared(statement.value, target.id)
            elif isinstance(statement, ast.With):
                self._with(statement)
            else:
                assert isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
                self._call(statement.value)

    def _declared(self, call: ast.Call, name: str) -> Any:
        assert isinstance(call.func, ast.Name)
        if call.func.id == "declare_output_stream":
            return _Name(name)
        given = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
        (kind,) = (arg.id for arg in call.args if isinstance(arg, ast.Name))
        values = given.get("value", 0)
        wanted = int if kind == "int" else float
        assert all(isinstance(v, wanted) for v in (values if isinstance(values, list) else [])), kind
        if kind == "fixed" and isinstance(values, list):
            assert all(-8 <= v < 8 for v in values), "fixed numbers are from -8 to 8"
        return values

    def _with(self, block: ast.With) -> None:
        (item,) = block.items
        call = item.context_expr
        assert isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        if call.func.id == "for_":
            variable, first, condition, update = call.args
            assert isinstance(variable, ast.Name)
            self.values[variable.id] = self._value(first)
            while self._value(condition):
                self._run(block.body)
                self.values[variable.id] = self._value(update)
        elif call.func.id == "stream_processing":
            for statement in block.body:
                words = ast.unparse(statement)
                stream, _, rest = words.partition(".")
                self.streams[rest.split("'")[1]] = f"{stream}.{rest}"
        else:
            assert call.func.id == "strict_timing_"
            self._run(block.body)

    def _value(self, node: ast.expr) -> Any:
        return eval(compile(ast.Expression(node), "qua", "eval"), {"__builtins__": {}}, self.values)

    def _call(self, call: ast.Call) -> None:
        assert isinstance(call.func, ast.Name)
        name = call.func.id
        if name == "align":
            latest = max(self.at.values())
            self.at = dict.fromkeys(self.at, latest)
            for element in self.pending:
                self.zero[element] = latest * CYCLE_NS
            self.pending = set()
        elif name == "save":
            stream = call.args[1]
            assert isinstance(stream, ast.Name)
            self.saved[stream.id] = self.saved.get(stream.id, 0) + 1
        elif name in ("play", "measure"):
            self._play(call)
        else:
            arguments = [self._value(arg) for arg in call.args]
            getattr(self, f"_{name}")(*arguments)

    def _wait(self, cycles: int, element: str) -> None:
        assert isinstance(cycles, int) and cycles >= 4, cycles
        self.at[element] += cycles

    def _reset_frame(self, element: str) -> None:
        self.frame[element] = 0.0

    def _reset_if_phase(self, element: str) -> None:
        self.pending.add(element)

    def _frame_rotation_2pi(self, turns: float, element: str) -> None:
        self.frame[element] += turns

    def _update_frequency(self, element: str, hz: int) -> None:
        assert isinstance(hz, int)
        self.hz[element] = hz

    def _play(self, call: ast.Call) -> None:
        operation, element = (self._value(arg) for arg in call.args[:2])
        (scale,) = [self._value(k.value) for k in call.keywords if k.arg == "amplitude_scale"] or [1.0]
        assert -2 <= scale < 2
        assert element not in self.pending, "the oscillator is reset only at the next align"
        pulse = self.config["pulses"][self.config["elements"][element]["operations"][operation]]
        outputs = []
        for arg in call.args[2:]:
            assert isinstance(arg, ast.Call)
            outputs.append(tuple(ast.literal_eval(x) for x in arg.args[:-1]))
        assert bool(outputs) == (pulse["operation"] == "measurement")
        assert pulse["length"] % CYCLE_NS == 0 and pulse["length"] >= 16
        for part in pulse["waveforms"].values():
            waveform = self.config["waveforms"][part]
            assert waveform["type"] == "constant" or len(waveform["samples"]) == pulse["length"]
        self.played.append(
            Played(element, operation, self.at[element] * CYCLE_NS, scale, self.hz[element],
                   self.frame[element], self.zero[element], tuple(outputs))
        )  # fmt: skip
        self.at[element] += pulse["length"] // CYCLE_NS
