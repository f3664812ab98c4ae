"""Types of the reader of gates in blocks that invert or control them."""

from qctl.cext.gate_bodies import GateBodyReader

class NestedGateReader(GateBodyReader):
    def set_rule(self, op: int, inverse: int, turns: int, base: int, n_own: int) -> None: ...
    def set_controlled(self, base: int, n_controls: int, op: int) -> None: ...
