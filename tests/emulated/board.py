"""The reference firmware on an emulated LM3S6965: QEMU with its serial line, its Ethernet and a log of its registers.

Source: QEMU's manual, "Stellaris boards" and "TCG instruction counting". With ``-icount shift=N,sleep=off`` an
instruction takes 2^N ns of the board's time, which jumps to the next interrupt when the processor sleeps.
"""

from __future__ import annotations

import re
import socket
import subprocess
import time
from pathlib import Path

from asking import EthernetPipe, StreamPipe, connect
from device import OUT

__all__ = ["CYCLES_PER_TICK", "EmulatedBoard"]

CYCLES_PER_TICK = 50
_RELOAD = 10_000 * CYCLES_PER_TICK - 1
_READ = re.compile(r"systick_read systick read addr 0x8 data 0x([0-9a-f]+)")


class EmulatedBoard:
    """A running board.

    Parameters
    ----------
    folder : Path
        For its socket and its log.
    image : str
        File in the folder of built firmware.
    shift : int
        Nanoseconds of an instruction, as a power of two.
    sleep : bool
        Let a sleeping processor wait for the wall's clock.
    logged : bool
        Log the registers of pins and timer.
    """

    def __init__(
        self, folder: Path, image: str = "firmware.elf", shift: int = 1, sleep: bool = False, logged: bool = False
    ) -> None:
        self.log_file, self.tones_file = folder / "registers.log", folder / "tones.bin"
        self.uart_path = str(folder / "uart.sock")
        self.ethernet_link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ethernet_link.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            peer = other.getsockname()
        own = self.ethernet_link.getsockname()
        words = ["-M", "lm3s6965evb", "-display", "none", "-monitor", "none", "-kernel", str(OUT / image)]
        words += ["-chardev", f"socket,id=s0,path={self.uart_path},server=on,wait=off", "-serial", "chardev:s0"]
        words += ["-serial", f"file:{self.tones_file}"]
        words += ["-nic", f"socket,udp=127.0.0.1:{own[1]},localaddr=127.0.0.1:{peer[1]}"]
        words += ["-icount", f"shift={shift},sleep={'on' if sleep else 'off'}"]
        if logged:
            traced = ("pl061_write", "systick_read", "systick_timer_tick")
            words += [word for name in traced for word in ("-trace", name)] + ["-D", str(self.log_file)]
        self.process = subprocess.Popen(["qemu-system-arm", *words], stdin=subprocess.DEVNULL)
        self._n_read, self._periods, self._ended = 0, 0, False
        self._levels: int | None = None
        self.uart: StreamPipe = self._connect(self.uart_path)
        self.ethernet = EthernetPipe(self.ethernet_link, peer)

    def _connect(self, at: str) -> StreamPipe:
        deadline = time.monotonic() + 20
        while True:
            try:
                return connect(at)
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.02)

    def registers(self) -> list[tuple[int, int]]:
        """Return writes of the lines' register since the last call: (tick, levels).

        The tick is that of the timer's first reading after the write, as QEMU gave it. The timer is read in each of its
        periods, for each wakes the firmware's loop; QEMU may tell the end of one twice.
        """
        with self.log_file.open("rb") as log:
            log.seek(self._n_read)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1].decode("ascii")
        self._n_read += len(whole)
        rows: list[tuple[int, int]] = []
        for line in whole.splitlines():
            if "systick_timer_tick" in line:
                self._ended = True
            elif "pl061_write" in line and "0x3fc" in line:
                self._levels = int(line.split()[-1], 16)
            elif read := _READ.search(line):
                self._periods += self._ended
                self._ended = False
                if self._levels is not None:
                    rows.append(
                        (self._periods * 10_000 + (_RELOAD - int(read[1], 16)) // CYCLES_PER_TICK, self._levels)
                    )
                self._levels = None
        return rows

    def stop(self) -> None:
        """End it."""
        self.uart.link.close()
        self.ethernet_link.close()
        self.process.kill()
        self.process.wait()
