"""Types of the trajectory kernel."""

from numpy.typing import NDArray

class Plan:
    n_qubits: int
    n_sites: int
    n_bits: int
    n_blocks: int
    def __init__(
        self,
        n_qubits: int,
        items: NDArray,
        blocks: NDArray,
        matrices: NDArray,
        single: NDArray,
        odds: NDArray,
        n_sites: int,
        n_bits: int,
    ) -> None: ...

def find_starts(plan: Plan, keys: NDArray, starts: NDArray) -> None: ...
def run(
    plan: Plan,
    keys: NDArray,
    order: NDArray,
    starts: NDArray,
    first_group: int,
    step: int,
    strings: NDArray,
    outcomes: NDArray,
    bits: NDArray,
    means: NDArray,
    work: NDArray,
    most: int = 2,
    watch: NDArray | None = None,
) -> None: ...
def advance(
    plan: Plan,
    states: NDArray,
    keys: NDArray,
    clocks: NDArray,
    active: NDArray,
    bits: NDArray,
    first_group: int,
    last_group: int,
    most: int = 2,
    watch: NDArray | None = None,
) -> None: ...
def draw(
    n_qubits: int,
    states: NDArray,
    keys: NDArray,
    clocks: NDArray,
    outcomes: NDArray,
    first_group: int,
    last_group: int,
    most: int = 2,
) -> None: ...
