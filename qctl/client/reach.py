"""Finds out whether anything listens at an address, before ZeroMQ waits for it in silence."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

from qctl.errors import RequestError, WireError

__all__ = ["WAIT_S", "check_listening", "gone", "silent"]

WAIT_S = 1.0
_PAUSE_S = 0.05


def check_listening(address: str, wait_s: float, timeout_s: float) -> None:
    """Return when something listens at an address; other transports than TCP are taken as they are.

    Parameters
    ----------
    address : str
        ``tcp://host:port``.
    wait_s : float
        How long to try again: a server that is just starting may take this long to listen.
    timeout_s : float
        Longest wait for a machine that says nothing at all.

    Raises
    ------
    WireError
        If nothing listens there.
    RequestError
        If it is no address.
    """
    parts = urlsplit(address)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme in ("ipc", "inproc"):
        return
    if parts.scheme != "tcp" or not host or not port:
        raise RequestError(f"{address!r} is not of the form tcp://127.0.0.1:5650")
    until_s = time.monotonic() + wait_s
    while True:
        try:
            socket.create_connection((host, port), timeout=max(timeout_s, 0.1)).close()
            return
        except ConnectionRefusedError:
            problem = f"nothing listens at {address}"
        except OSError as error:
            problem = f"{address} can't be reached ({str(error.strerror or error).lower()})"
        if time.monotonic() + _PAUSE_S > until_s:
            break
        time.sleep(_PAUSE_S)
    raise WireError(f"{problem}: start a server with `qctl serve --lab lab.toml`, or name the address of one that runs")


def gone(address: str) -> WireError:
    """Return the error of a request whose server went away."""
    return WireError(
        f"the server at {address} went away before it answered, so what was asked may be done or not; "
        "`qctl serve` starts it again, and it keeps every job that it had acknowledged"
    )


def silent(address: str, longest_s: float) -> WireError:
    """Return the error of a request that was never answered."""
    return WireError(f"the server at {address} did not answer within {longest_s:.3g} s; is `qctl serve` running there?")
