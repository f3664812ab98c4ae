"""Types of the reader of gate calls."""

from qctl.cext.angles import AngleReader
from qctl.cext.records import InstructionBuffer

class GateReader(AngleReader):
    n_bits: int
    most_steps: int
    steps_left: int
    def __init__(self, text: str, target: InstructionBuffer, n_steps: int) -> None: ...
    def define(
        self,
        name: str,
        op: int,
        n_qubits: int,
        n_params: int,
        n_controls: int = 0,
        keeps_params: bool = True,
        replaceable: bool = False,
    ) -> None: ...
    def defined(self) -> list[str]: ...
