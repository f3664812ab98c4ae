"""What a text may ask for at most, so that no file of a few lines can fill a machine."""

from __future__ import annotations

from qctl.errors import ParseError

MAX_TEXT_CHARACTERS = 64_000_000
"""Longest OpenQASM 2 text."""
MAX_TEXT_CHARACTERS_3 = 8_000_000
"""Longest OpenQASM 3 text; its reference parser needs about 30 microseconds a character."""
MAX_QUBITS = 65_536
"""Qubits of one program."""
MAX_BITS = 1_048_576
"""Classical bits of one program."""
MAX_REGISTER_BITS = 1_024
"""Longest register that a condition may compare with a number."""
MAX_STEPS = 5_000_000
"""Gates (and other statements) of one OpenQASM 2 text after expansion of its own gates."""
MAX_STEPS_3 = 500_000
"""Statements of one OpenQASM 3 text after expansion of gates and loops."""
MAX_NESTING = 64
"""Nested brackets, blocks or signs."""
MAX_OPERATORS = 1_000
"""Operators and opening brackets of one OpenQASM 3 expression; its reference parser recurses at each."""
MAX_CONTROLS = 255
"""Control qubits of one gate (the instruction's field has 8 bits)."""


class Budget:
    """Count the steps that a text takes and refuse the one that is too many.

    Parameters
    ----------
    n_steps : int
        Steps allowed.
    """

    __slots__ = ("left", "n_steps")

    def __init__(self, n_steps: int) -> None:
        self.n_steps = n_steps
        self.left = n_steps

    def spend(self, n_steps: int, line: int, column: int) -> None:
        """Take `n_steps` from the budget; raise ParseError when it is overdrawn."""
        self.left -= n_steps
        if self.left < 0:
            raise ParseError(f"the program expands to more than {self.n_steps} steps", line, column)
