"""The reference firmware in this process: its host build as a library, whose time a test moves on as it likes."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["BOARD", "FLASH_PAGE", "OUT", "REFERENCE", "LibraryDevice", "make"]

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "firmware_io" / "reference"
OUT = ROOT / "build" / "firmware"
FLASH_PAGE = 1024
FLASH_BYTES = 2 * FLASH_PAGE + 2 * 65536
BANK = 65536
BOARD = 1


def make(*targets: str) -> None:
    """Build targets of the firmware's Makefile."""
    subprocess.run(["make", "-s", "-C", str(REFERENCE), *targets], check=True)


class Written(ctypes.Structure):
    """One entry of the board's log: struct written in host.h."""

    _fields_ = (
        ("tick", ctypes.c_uint64),
        ("kind", ctypes.c_uint32),
        ("value", ctypes.c_uint32),
        ("tone", ctypes.c_uint32),
        ("amplitude", ctypes.c_uint16),
        ("phase", ctypes.c_uint16),
    )


class Edge(ctypes.Structure):
    """A change of an input: struct edge in host.h."""

    _fields_ = (("tick", ctypes.c_uint64), ("input", ctypes.c_uint32), ("level", ctypes.c_uint32))


class LibraryDevice:
    """A device of its own: each has a copy of the library, whose variables are the device's memory.

    It is a pipe for `Asker`: what it is sent is done at once, and waiting for a reply moves its time on.
    """

    def __init__(self, library: str = "libfirmware.so", wait_ticks: int = 2_000) -> None:
        with tempfile.NamedTemporaryFile(suffix=".so") as copy:
            shutil.copyfile(OUT / library, copy.name)
            self.library = ctypes.CDLL(copy.name)
        self.library.host_now.restype = ctypes.c_uint64
        self.library.host_epoch.restype = ctypes.c_uint64
        self.library.host_flash.restype = ctypes.c_void_p
        self.library.host_powered.restype = ctypes.c_bool
        self.library.host_run.argtypes = [ctypes.c_uint64]
        self.wait_ticks = wait_ticks
        self._room = ctypes.create_string_buffer(65536)
        self.power_on()

    def power_on(self, reason: int = 0) -> None:
        """Begin anew, flash kept."""
        self.library.host_power_on(reason)

    @property
    def now(self) -> int:
        """Its time in ticks."""
        return int(self.library.host_now())

    @property
    def epoch(self) -> int:
        """Tick at which the last block began."""
        return int(self.library.host_epoch())

    def run(self, ticks: int) -> None:
        """Move time on."""
        self.library.host_run(self.now + ticks)

    def send(self, data: bytes) -> None:
        """Give it bytes."""
        self.library.host_receive(0, data, len(data))

    def receive(self, wait_s: float) -> bytes:
        """Take what it sent, after a while if that is nothing."""
        n_bytes = self.library.host_sent(0, self._room, len(self._room))
        if not n_bytes:
            self.run(self.wait_ticks)
            n_bytes = self.library.host_sent(0, self._room, len(self._room))
        return self._room.raw[:n_bytes]

    def script(self, edges: Sequence[tuple[int, int, int]]) -> None:
        """Set the levels of inputs in each block: (tick from its start, input, level)."""
        self.library.host_script((Edge * len(edges))(*edges), len(edges))

    def log(self) -> list[tuple[int, int, int, int, int, int]]:
        """Return what outputs were written: (tick from the block's start, kind, value, tone, amplitude, phase)."""
        first = ctypes.POINTER(Written)()
        n_rows = self.library.host_log(ctypes.byref(first))
        epoch = self.epoch
        rows = (first[place] for place in range(n_rows))
        return [(row.tick - epoch, row.kind, row.value, row.tone, row.amplitude, row.phase) for row in rows]

    def forget_log(self) -> None:
        """Empty the log."""
        self.library.host_forget_log()

    def flash(self) -> ctypes.Array[ctypes.c_uint8]:
        """Return its flash, which may be written."""
        return (ctypes.c_uint8 * FLASH_BYTES).from_address(self.library.host_flash())

    def put_image(self, bank: int, image: bytes) -> None:
        """Write a bank as a programmer would."""
        at = 2 * FLASH_PAGE + bank * BANK
        self.flash()[at : at + len(image)] = list(image)

    def cut_after(self, n_steps: int, seed: int) -> None:
        """Let the power go at a step of writing to flash."""
        self.library.host_cut_after(n_steps, seed)

    @property
    def n_steps(self) -> int:
        """Steps of writing to flash since `cut_after`."""
        return int(self.library.host_n_steps())

    @property
    def powered(self) -> bool:
        """Whether it has power."""
        return bool(self.library.host_powered())
