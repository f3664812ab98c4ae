"""What an emulated board holds: program, wave and data memory, envelopes, settings of generators and readouts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Memory", "Readout"]


@dataclass(slots=True)
class Readout:
    """Settings of one readout: registers of its down-conversion, windows of its buffers, and which are enabled."""

    f_int: int = 0
    phase_int: int = 0
    sums_address: int = 0
    sums_length: int = 1
    trace_address: int = 0
    trace_length: int = 1
    sums_on: bool = False
    traces_on: bool = False


@dataclass(slots=True)
class Memory:
    """All of it; columns of a tProcessor v2's program and wave memory are words of 32 bits, v1's program has 64 bits.

    Attributes
    ----------
    config : dict
        The board's configuration.
    program, waves, values : array
        (n, 8) int32 or (n,) uint64, (n, 6) int64, which v1 has none of, and (n,) int64.
    kept : dict
        What was loaded last, for `reload`.
    envelopes : dict of int to (maxlen, 2) int16
        Of each generator.
    zones, mixers_hz : dict of int
        Of each generator.
    readouts : list of Readout
        In order.
    """

    config: dict[str, Any]
    program: NDArray[Any] = field(init=False)
    waves: NDArray[np.int64] = field(init=False)
    values: NDArray[np.int64] = field(init=False)
    kept: dict[str, Any] = field(init=False)
    envelopes: dict[int, NDArray[np.int16]] = field(init=False)
    zones: dict[int, int] = field(init=False)
    mixers_hz: dict[int, float] = field(init=False)
    readouts: list[Readout] = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a power cut."""
        self.erase()
        self.waves = np.zeros((int(self.processor.get("wmem_size", 0)), 6), np.int64)
        self.values = np.zeros(int(self.processor["dmem_size"]), np.int64)
        self.envelopes = {}
        self.zones = dict.fromkeys(range(len(self.config["gens"])), 1)
        self.mixers_hz = dict.fromkeys(range(len(self.config["gens"])), 0.0)
        self.readouts = [Readout() for _ in self.config["readouts"]]

    def erase(self) -> None:
        """Forget the program."""
        self.program = np.zeros((0, 8), np.int32) if self.version == 2 else np.zeros(0, np.uint64)
        self.kept = {}

    @property
    def version(self) -> int:
        """Return the tProcessor's, 1 or 2."""
        return 2 if self.processor["type"] == "qick_processor" else 1

    @property
    def processor(self) -> dict[str, Any]:
        """Return the processor's configuration."""
        found: dict[str, Any] = self.config["tprocs"][0]
        return found

    def load(self, name: str, data: Any, address: int) -> int:
        """Write a block of a memory (``pmem``, ``wmem`` or ``dmem``; of v1 ``dmem``), and return its bytes.

        Raises
        ------
        RuntimeError
            If there is no such memory, or the block is none of it.
        """
        if self.version == 1 and name != "dmem":
            raise RuntimeError(f"invalid mem_sel: {name}")
        if name not in ("pmem", "wmem", "dmem"):
            raise RuntimeError(f"mem_sel should be pmem/dmem/wmem, current Value : {name}")
        # Numbers above 2**31 wrap, as they do in the numpy of boards.
        block = (np.array(data, dtype=np.int64) & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
        size = int(self.processor[f"{name}_size"])
        if block.ndim != (1 if name == "dmem" else 2) or (block.ndim == 2 and block.shape[1] != 8):
            raise RuntimeError(f"a block of {block.shape} is no {name}")
        if not 0 <= address <= address + len(block) <= size:
            raise RuntimeError(f"{len(block)} words at {address} are over the {size} words of {name}")
        if name == "pmem":
            whole = np.zeros((max(len(self.program), address + len(block)), 8), np.int32)
            whole[: len(self.program)] = self.program
            whole[address : address + len(block)] = block
            self.program = whole
        elif name == "wmem":
            self.waves[address : address + len(block)] = block[:, :6].view(np.uint32)
        else:
            self.values[address : address + len(block)] = block
        return block.nbytes

    def load_words(self, words: Any) -> int:
        """Write the program memory of a tProcessor v1, and return its bytes.

        Raises
        ------
        RuntimeError
            If they are over it.
        """
        program = np.array(words, dtype=np.uint64)
        size = int(self.processor["pmem_size"])
        if program.ndim != 1 or len(program) > size:
            raise RuntimeError(f"{program.shape} words are over the {size} of program memory")
        self.program = program
        return program.nbytes

    def read(self, name: str, length: int, address: int) -> NDArray[np.int32]:
        """Return a block of a memory."""
        if self.version == 1 and name != "dmem":
            raise RuntimeError(f"invalid mem_sel: {name}")
        if name == "wmem":
            return self.waves[address : address + length].astype(np.uint32).view(np.int32)
        if name == "pmem":
            return self.program[address : address + length, :3].copy()
        return self.values[address : address + length].astype(np.int32)
