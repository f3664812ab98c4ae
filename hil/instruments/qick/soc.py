"""What a client of a board's Pyro server calls, with the names, arguments and errors of the vendor's `QickSoc`.

Its methods run in threads of the Pyro server; what they have to ask of the plant is done by the emulator's loop.

Source: qick 0.2.436 (``qick.py``: QickSoc; ``streamer.py``: packets of results; ``drivers/readout.py``: buffers).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qctl.hil.instruments.qick.memory import Memory
from qctl.hil.instruments.qick.processor import Done

__all__ = ["Loop", "Soc"]


class Loop(Protocol):
    """What the emulator does for its server's threads."""

    def begin(self) -> None:
        """Start the program."""

    def halt(self) -> None:
        """Stop it; return when it has stopped."""

    def count(self, **amounts: int) -> None:
        """Count what was done."""

    def locked(self) -> bool:
        """Say whether the clocks are locked."""
        ...


class Soc:
    """The board, as its clients see it."""

    autoproxy: tuple[Any, ...] = ()

    def __init__(self, memory: Memory, loop: Loop) -> None:
        self._memory, self._loop = memory, loop
        self._lock = threading.RLock()
        self._news = threading.Condition(self._lock)
        self._source = "internal"
        self._counter = 0
        self._sums: dict[int, NDArray[np.int64]] = {}
        self._traces: dict[int, NDArray[np.int64]] = {}
        self._asked: tuple[int, list[int], list[int]] | None = None
        self._packets: deque[tuple[int, Any]] = deque()
        self._error = ""
        self._given = 0

    # what the emulator tells ------------------------------------------------------------------------

    def _ended(
        self, done: Done | None, sums: dict[int, NDArray[np.int64]], traces: dict[int, NDArray[np.int64]], error: str
    ) -> None:
        """Take what a run has given, and hand it on to whoever reads."""
        with self._news:
            n_shots = 0
            if done is not None:
                n_shots, self._memory.values[:] = done.n_shots, done.memory
            self._counter, self._sums, self._traces, self._error = n_shots, sums, traces, error
            if self._asked is not None and not error:
                self._pack(*self._asked)
            self._news.notify_all()

    def _pack(self, n_shots: int, channels: list[int], reads: list[int]) -> None:
        """Cut results into packets of a tenth of the smallest buffer, as the board's streamer does."""
        room = [self._memory.config["readouts"][k]["avg_maxlen"] / n for k, n in zip(channels, reads, strict=True)]
        stride = max(1, int(0.1 * min(room)))
        for first in range(0, n_shots, stride):
            n = min(stride, n_shots - first)
            parts = []
            for k, per_shot in zip(channels, reads, strict=True):
                if n * per_shot >= self._memory.config["readouts"][0]["avg_maxlen"]:
                    self._error = f"Overflowed the averages buffer ({n * per_shot} unread samples)"
                    return
                part = self._sums.get(k, np.zeros((0, 2), np.int64))[first * per_shot : (first + n) * per_shot]
                if len(part) != n * per_shot:
                    self._error = f"readout {k} was triggered {len(self._sums.get(k, ()))} times"
                    return
                parts.append(part.astype(np.int32))
            self._packets.append((n, (parts, (0.0, first + n, 0, n))))

    def _check(self, channel: int, parts: str) -> int:
        if not 0 <= channel < len(self._memory.config[parts]):
            raise IndexError("list index out of range")
        return channel

    # configuration ----------------------------------------------------------------------------------

    def get_cfg(self) -> dict[str, Any]:
        """Return what the board says of itself."""
        return self._memory.config

    def clocks_locked(self) -> bool:
        """Say whether the clocks of the converters are locked."""
        return self._loop.locked()

    def load_envelope(self, ch: int, data: Any, addr: int) -> None:
        """Write (n, 2) I and Q into a generator's memory."""
        samples = np.array(data, dtype=np.int16)
        size = int(self._memory.config["gens"][self._check(ch, "gens")]["maxlen"])
        if samples.ndim != 2 or samples.shape[1] != 2 or not 0 <= addr <= addr + len(samples) <= size:
            raise RuntimeError(f"an envelope of {samples.shape} at {addr} does not fit into {size} samples")
        with self._lock:
            memory = self._memory.envelopes.setdefault(ch, np.zeros((size, 2), np.int16))
            memory[addr : addr + len(samples)] = samples
        self._loop.count(waveforms=1, waveform_bytes=samples.nbytes)

    def set_nyquist(self, ch: int, nqz: int, force: bool = False) -> None:
        """Set the zone of a generator."""
        if nqz not in (1, 2):
            raise RuntimeError(f"nqz must be 1 or 2, got {nqz}")
        self._memory.zones[self._check(ch, "gens")] = int(nqz)
        self._loop.count(settings=1)

    def set_mixer_freq(
        self, ch: int, f: float, ro_ch: int | None = None, phase_reset: bool = True, fullscale: bool = False
    ) -> None:
        """Set the mixer of a generator that has one, in MHz."""
        if not self._memory.config["gens"][self._check(ch, "gens")]["has_mixer"] and f != 0:
            raise RuntimeError("tried to set a mixer frequency, but this channel doesn't have a mixer")
        self._memory.mixers_hz[ch] = float(f) * 1e6
        self._loop.count(settings=1)

    def configure_readout(self, ch: int, ro_regs: dict[str, Any]) -> None:
        """Set the down-conversion of a readout."""
        if ro_regs["sel"] != "product":
            raise RuntimeError(f"the output {ro_regs['sel']!r} of a readout is not emulated")
        readout = self._memory.readouts[self._check(ch, "readouts")]
        readout.f_int, readout.phase_int = int(ro_regs["f_int"]) % 2**32, int(ro_regs["phase_int"]) % 2**32
        self._loop.count(settings=1)

    def config_avg(
        self, ch: int, address: int = 0, length: int = 1, edge_counting: bool = False, high_threshold: int = 1000,
        low_threshold: int = 0,
    ) -> None:  # fmt: skip
        """Set the window of an accumulated buffer, and disable it."""
        if edge_counting or not 1 <= length < 2**32:
            raise RuntimeError(f"a window of {length}, or counting edges, is not emulated")
        readout = self._memory.readouts[self._check(ch, "readouts")]
        readout.sums_address, readout.sums_length = int(address), int(length)
        readout.sums_on = readout.traces_on = False

    def config_buf(self, ch: int, address: int = 0, length: int = 1) -> None:
        """Set the window of a decimated buffer, and disable it."""
        size = int(self._memory.config["readouts"][self._check(ch, "readouts")]["buf_maxlen"])
        if length >= size:
            raise RuntimeError(f"requested length={length} longer or equal to decimated buffer size={size}")
        readout = self._memory.readouts[ch]
        readout.trace_address, readout.trace_length = int(address), int(length)
        readout.sums_on = readout.traces_on = False

    def enable_buf(self, ch: int, enable_avg: bool = True, enable_buf: bool = True) -> None:
        """Enable buffers."""
        readout = self._memory.readouts[self._check(ch, "readouts")]
        readout.sums_on, readout.traces_on = bool(enable_avg), bool(enable_buf)

    # memories ---------------------------------------------------------------------------------------

    def load_bin_program(self, binprog: Any, load_mem: bool = True) -> None:
        """Write program memory; that of a v2 as a part of all memories, the others where there is anything for them."""
        with self._lock:
            memory = self._memory
            memory.erase()
            if memory.version == 1:
                n_bytes = memory.load_words(binprog)
            else:
                memory.kept = dict(binprog)
                n_bytes = memory.load("pmem", binprog["pmem"], 0)
            self._loop.count(programs=1, program_bytes=n_bytes)
            if load_mem:
                self.reload_mem()

    def reload_mem(self) -> None:
        """Write wave and data memory as they were with the program."""
        for name in ("wmem", "dmem"):
            if self._memory.kept.get(name) is not None:
                self.load_mem(self._memory.kept[name], name)

    def load_mem(self, data: Any, mem_sel: str = "dmem", addr: int = 0) -> None:
        """Write a block of a memory."""
        with self._lock:
            n_bytes = self._memory.load(mem_sel, data, addr)
        self._loop.count(**{f"{mem_sel}_loads": 1, f"{mem_sel}_bytes": n_bytes})

    def read_mem(self, length: int, mem_sel: str = "dmem", addr: int = 0) -> NDArray[np.int32]:
        """Return a block of a memory."""
        return self._memory.read(mem_sel, length, addr)

    # runs -------------------------------------------------------------------------------------------

    def start_src(self, src: str) -> None:
        """Set what starts the processor; a v2 is stopped."""
        if src not in ("internal", "external"):
            raise RuntimeError(f"start_src must be internal or external, got {src}")
        if self._memory.version == 2:
            self._loop.halt()
        self._source = src

    def start_tproc(self) -> None:
        """Start the processor; nobody streams what it reads."""
        with self._lock:
            self._asked, self._error = None, ""
        self._begin()

    def _begin(self) -> None:
        if self._source == "internal":
            self._loop.begin()

    def stop_tproc(self, lazy: bool = False) -> None:
        """Stop the processor; a v1 only if it may take its time, as its program has to be written anew."""
        if self._memory.version == 2 or not lazy:
            self._loop.halt()

    def clear_tproc_counter(self, addr: int) -> None:
        """Reset the processor; of a v1 an address of data memory."""
        if self._memory.version == 1:
            with self._lock:
                self._memory.values[addr] = 0
            return
        self._loop.halt()
        with self._lock:
            self._counter = 0

    def get_tproc_counter(self, addr: int) -> int:
        """Return the register that counts shots; of a v1 what an address of data memory has."""
        with self._lock:
            if self._error:
                raise RuntimeError(self._error)
            if self._memory.version == 1:
                return int(self._memory.values[addr])
            return self._counter if addr == 1 else 0

    def reset_gens(self) -> None:
        """Have all generators play zeros; the program is gone."""
        self._loop.halt()
        with self._lock:
            self._memory.erase()

    def prepare_round(self) -> None:
        """Do nothing, as the vendor's."""

    def cleanup_round(self) -> None:
        """Do nothing, as the vendor's."""

    # results ----------------------------------------------------------------------------------------

    def start_readout(
        self, total_shots: int, counter_addr: int = 1, ch_list: Any = None, reads_per_shot: Any = 1,
        stride: int | None = None,
    ) -> None:  # fmt: skip
        """Start the processor, and hand over what is added up while it runs."""
        channels = [0, 1] if ch_list is None else [self._check(int(k), "readouts") for k in ch_list]
        reads = [reads_per_shot] * len(channels) if isinstance(reads_per_shot, int) else list(reads_per_shot)
        with self._news:
            self._packets.clear()
            self._asked, self._given, self._error = (int(total_shots), channels, reads), 0, ""
        self._begin()

    def poll_data(self, totaltime: float = 0.1, timeout: float | None = None) -> list[tuple[int, Any]]:
        """Return packets that have come, oldest first; wait for one at most `timeout`."""
        until_s, found = time.monotonic() + totaltime, list[tuple[int, Any]]()
        total = self._asked[0] if self._asked is not None else 0
        with self._news:
            while totaltime < 0 or (self._given < total and time.monotonic() < until_s):
                if self._error:
                    raise RuntimeError(f"exception in readout loop: {self._error}")
                if not self._news.wait_for(lambda: self._packets or self._error, timeout):
                    break
                if self._packets:
                    found.append(self._packets.popleft())
                    self._given += found[-1][0]
        return found

    def get_accumulated(self, ch: int, address: int = 0, length: int | None = None) -> NDArray[np.int32]:
        """Return a part of an accumulated buffer."""
        return self._buffer(self._sums, ch, address, length, "avg_maxlen")

    def get_decimated(self, ch: int, address: int = 0, length: int | None = None) -> NDArray[np.int16]:
        """Return a part of a decimated buffer."""
        return self._buffer(self._traces, ch, address, length, "buf_maxlen").astype(np.int16)

    def _buffer(
        self, held: dict[int, NDArray[np.int64]], channel: int, address: int, length: int | None, size: str
    ) -> NDArray[np.int32]:
        most = int(self._memory.config["readouts"][self._check(channel, "readouts")][size])
        n = most if length is None else int(length)
        if n >= most:
            raise RuntimeError(f"length={n} longer than {most}")
        with self._lock:
            every = held.get(channel, np.zeros((0, 2), np.int64))
        ring = np.zeros((most, 2), np.int32)
        last = every[-most:]
        ring[np.arange(len(every) - len(last), len(every)) % most] = last
        return ring[np.arange(address, address + n) % most]
