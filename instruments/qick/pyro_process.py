"""The process that speaks Pyro with a board: it alone unpickles what a board answers, confined, with few types allowed.

Run by `board_link` as ``python -m qctl.instruments.qick.pyro_process FD HOST PORT NAME TIMEOUT_S``.

Source: qick 0.2.436 (``pyro.py``: name server, serializer, protocol version), Pyro4 4.82 (``util.PickleSerializer``).
"""

from __future__ import annotations

import builtins
import encodings.idna  # noqa: F401  looking up a host needs it, when no file can be opened any more
import io
import pickle
import socket
import sys
from typing import Any

import numpy as np

from qctl.instruments.qick.confinement import confine
from qctl.instruments.qick.pipe import receive, send

__all__ = ["main"]

_PLAIN = frozenset(("set", "frozenset", "complex", "bytearray", "slice", "range"))
_NUMPY = frozenset(("_reconstruct", "scalar", "ndarray", "dtype", "_frombuffer"))
_URI = ("Pyro4.core", "URI")
_CALLS = frozenset(
    (
        "get_cfg",
        "start_src",
        "start_tproc",
        "stop_tproc",
        "clear_tproc_counter",
        "get_tproc_counter",
        "load_envelope",
        "load_bin_program",
        "reload_mem",
        "load_mem",
        "set_nyquist",
        "set_mixer_freq",
        "configure_readout",
        "config_avg",
        "config_buf",
        "enable_buf",
        "start_readout",
        "poll_data",
        "get_accumulated",
        "get_decimated",
        "clocks_locked",
        "reset_gens",
    )
)
"""What a driver may ask of a board."""


class _Unpickler(pickle.Unpickler):
    """Takes plain values, arrays, errors and addresses; anything else that a pickle names is refused by name."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class that a pickle names."""
        found = getattr(builtins, name, None) if module in ("builtins", "exceptions", "__builtin__") else None
        if name in _PLAIN or (isinstance(found, type) and issubclass(found, Exception)):
            return found
        if module == "_codecs" and name == "encode":
            return super().find_class(module, name)
        if module.startswith("numpy") and name in _NUMPY:
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        if (module, name) == _URI or (module == "Pyro4.errors" and name.endswith("Error")):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"an answer has a {module}.{name} in it, which is not taken")


def _load(data: Any) -> Any:
    return _Unpickler(io.BytesIO(bytes(data))).load()


def _plain(value: Any) -> Any:
    """Return an answer as msgpack takes it."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return value if isinstance(value, bool | int | float | str | bytes | type(None)) else str(value)


def _told(value: Any) -> Any:
    """Return an argument as boards take it: arrays as lists, for a board may have another numpy."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {key: _told(one) for key, one in value.items()}
    return [_told(one) for one in value] if isinstance(value, list) else value


def _opened(host: str, port: int, name: str, timeout_s: float) -> Any:
    """Return the board's proxy, connected."""
    import Pyro4
    import Pyro4.core
    import Pyro4.errors
    import Pyro4.naming
    import Pyro4.util

    for serializer in (Pyro4.util.get_serializer("pickle"), Pyro4.util.get_serializer_by_id(4)):
        serializer.loads = serializer.loadsCall = _load
    Pyro4.config.SERIALIZER = "pickle"
    Pyro4.config.SERIALIZERS_ACCEPTED = {"pickle"}
    Pyro4.config.PICKLE_PROTOCOL_VERSION = 4
    Pyro4.config.COMMTIMEOUT = timeout_s
    confine()
    with Pyro4.Proxy(f"PYRO:{Pyro4.constants.NAMESERVER_NAME}@{host}:{port}") as names:
        place = names.lookup(name)
    board = Pyro4.Proxy(place)
    board._pyroBind()
    return board


def handed_on(error: Exception) -> dict[str, Any]:
    """Return an error as the driver is told it: lost (no board there), late, or the board's own words."""
    import Pyro4.errors

    late = isinstance(error, Pyro4.errors.TimeoutError)
    lost = isinstance(error, Pyro4.errors.CommunicationError | Pyro4.errors.NamingError)
    kind = "late" if late else "lost" if lost else "refused"
    return {"error": [kind, f"{type(error).__name__}: {error}"]}


def _outcome(work: Any) -> dict[str, Any]:
    """Return what a call answered, or its error: whatever a board raises arrives here as itself."""
    try:
        return {"value": _plain(work())}
    except Exception as error:
        return handed_on(error)


def main(arguments: list[str]) -> int:
    """Connect, say so, and carry out calls until the driver closes its end."""
    fd, host, port, name, timeout_s = arguments
    end = socket.socket(fileno=int(fd))
    board: Any = None

    def connect() -> None:
        nonlocal board
        board = _opened(host, int(port), name, float(timeout_s))

    first = _outcome(connect)
    send(end, first)
    if "error" in first:
        return 1
    while (asked := receive(end)) is not None:
        call, given = str(asked["call"]), [_told(one) for one in asked["args"]]
        named = {key: _told(one) for key, one in asked["named"].items()}
        if call not in _CALLS:
            reply = {"error": ["refused", f"{call} is none of a board's calls"]}
        else:
            reply = _outcome(lambda call=call, given=given, named=named: getattr(board, call)(*given, **named))
        send(end, reply)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
