"""A driver's end of a board: a process of its own speaks Pyro, and what it answers comes back without a pickle.

A board's server takes and gives pickles alone. Who can answer at its address could have an ordinary client run
anything; so it is off unless lab.toml says ``allow_pickle = true``, and then it is read in `pyro_process` only.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from qctl.errors import DeviceError, DeviceTimeoutError, RefusedError, RequestError, WireError
from qctl.instruments.qick.pipe import receive, send
from qctl.lab import Instrument
from qctl.lab.addresses import Address, parse_address

__all__ = ["BoardLink", "open_link"]

_MARGIN_S = 2.0
"""How much longer than Pyro's time-out an answer is waited for."""
_START_S = 20.0
_END_S = 2.0
_WHY = (
    "a QICK board's server speaks pickles, which can run code where they are read: whoever can answer at the address "
    "can. qctl reads them in a confined process of its own, and only if lab.toml says so: "
)


@dataclass(slots=True)
class BoardLink:
    """The process that speaks with one board.

    Attributes
    ----------
    name : str
        The instrument's in lab.toml.
    timeout_s : float
        Longest wait for an answer.
    process : Popen
        The client.
    end : socket
        The way to it.
    """

    name: str
    timeout_s: float
    process: subprocess.Popen[bytes]
    end: socket.socket

    def call(self, name: str, *args: Any, wait_s: float = 0.0, **named: Any) -> Any:
        """Call a method of the board's, and return its answer; `wait_s` is how long it may take beside the time-out.

        Raises
        ------
        RefusedError
            If the board refuses, in its words.
        DeviceTimeoutError
            If it doesn't answer; the link is lost.
        DeviceError
            If it is gone.
        """
        try:
            send(self.end, {"call": name, "args": list(args), "named": named})
            reply = receive(self.end, self.timeout_s + wait_s + _MARGIN_S)
        except TimeoutError:
            self.close()
            text = f"{self.name}: the board has not answered {name} within {self.timeout_s + wait_s:g} s"
            raise DeviceTimeoutError(text, instrument=self.name) from None
        except (OSError, WireError) as error:
            self.close()
            raise DeviceError(f"{self.name}: {name} got no answer: {error}", instrument=self.name) from error
        if reply is None:
            raise self._ended()
        if "error" not in reply:
            return reply["value"]
        kind, words = reply["error"]
        if kind == "refused":
            raise RefusedError(f"{self.name}: the board says at {name}: {words}", instrument=self.name, words=words)
        self.close()
        if kind == "late":
            text = f"{self.name}: the board has not answered {name} within {self.timeout_s:g} s"
            raise DeviceTimeoutError(text, instrument=self.name)
        raise DeviceError(f"{self.name}: the board is gone at {name}: {words}", instrument=self.name)

    def _ended(self) -> DeviceError:
        code = self._wait_end()
        self.close()
        return DeviceError(f"{self.name}: the board's client ended with code {code}", instrument=self.name)

    def _wait_end(self) -> int:
        try:
            return self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def close(self) -> None:
        """End the client; the board stays as it is."""
        with contextlib.suppress(OSError):
            self.end.close()
        self._wait_end()


def open_link(instrument: Instrument) -> BoardLink:
    """Start the client of a board, and return when it is connected.

    Raises
    ------
    RequestError
        If the address is no board's, lab.toml doesn't allow pickles, or Pyro4 is not installed.
    DeviceError
        If no board answers.
    """
    name, address = instrument.name, parse_address(instrument.address)
    if not isinstance(address, Address) or address.kind != "qick":
        raise RequestError(f"{name}: {instrument.address} is no address of a QICK board: qick://host:8888/myqick")
    if not instrument.allow_pickle:
        raise RequestError(f"{name}: {_WHY}instruments.{name}.allow_pickle = true", instrument=name)
    if importlib.util.find_spec("Pyro4") is None:
        raise RequestError(f"{name}: Pyro4 is not installed; it comes with: pip install 'qctl[qick]'", instrument=name)
    mine, its = socket.socketpair()
    port, _, board = address.port.partition("/")
    command = [sys.executable, "-m", "qctl.instruments.qick.pyro_process", str(its.fileno())]
    command += [address.host, port, board, f"{instrument.timeout_s:g}"]
    kept = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONSAFEPATH", "VIRTUAL_ENV")
    environment = {key: os.environ[key] for key in kept if key in os.environ} | {"OPENBLAS_NUM_THREADS": "1"}
    with its:
        process = subprocess.Popen(
            command, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment,
            start_new_session=True,
        )  # fmt: skip
    link = BoardLink(name, instrument.timeout_s, process, mine)
    try:
        first = receive(mine, _START_S + instrument.timeout_s)
    except (OSError, WireError) as error:
        link.close()
        raise DeviceError(f"{name}: the client of {instrument.address} does not start: {error}") from error
    if first is None:
        raise link._ended()
    if "error" in first:
        link.close()
        text = f"{name}: {instrument.address} can't be opened: {first['error'][1]}"
        raise DeviceError(text, instrument=name)
    return link
