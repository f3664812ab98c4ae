"""Types of the table of opcodes."""

TABLE: dict[int, tuple[str, int, int, int]]
GATE_RANGE: tuple[int, int]
SIZE: int
