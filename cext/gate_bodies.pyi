"""Types of the reader of gate definitions."""

from qctl.cext.gate_texts import GateReader

class GateBodyReader(GateReader): ...
