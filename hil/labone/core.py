"""The names of zhinst.core that drivers use, with its signatures; what they say goes to an emulated data server.

Source: zhinst-core 26.7 (docstrings and type stubs of ``ziDAQServer`` and ``compile_seqc``). Between this module and
the emulator's process go the messages of `qctl.hil.plant.messages`, which are no protocol of the vendor's.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import numpy as np

from qctl.errors import RequestError, WireError
from qctl.hil.instruments.zurich.seqc import parse
from qctl.hil.labone import errors
from qctl.hil.labone.elf import written
from qctl.hil.plant.messages import Decoder, array_from_wire, encode

__all__ = ["compile_seqc", "errors", "ziDAQServer"]

_TIMEOUT_S = 10.0
_API_LEVELS = (1, 4, 5, 6)
_WITHOUT_OPTIONS = ("HDAWG", "SHFSG", "SHFQA", "SHFQC", "UHFQA")


def compile_seqc(
    code: str, devtype: str, options: object = "", index: int = 0, **kwargs: Any
) -> tuple[bytes, dict[str, Any]]:
    """Return an ELF file that has the source in it, and no machine code; the emulator executes the source.

    Raises
    ------
    CoreError
        If the source is not of the part of SeqC that the emulator knows, or an option is missing.
    """
    if not devtype.upper().startswith(_WITHOUT_OPTIONS):
        raise errors.CoreError(f"Unknown device type: {devtype}")
    if devtype.upper().startswith("SHFQC") and kwargs.get("sequencer") not in ("qa", "sg"):
        raise errors.CoreError("The sequencer type must be specified for the SHFQC: 'qa' or 'sg'")
    if devtype.upper().startswith("HDAWG") and "samplerate" not in kwargs:
        raise errors.CoreError("The samplerate must be specified for the HDAWG")
    try:
        parse(code)
    except RequestError as error:
        raise errors.CoreError(f"Compiler Error: {error}") from None
    return written({".c": code.encode()}), {"messages": "", "maxelfsize": 1 << 31}


class ziDAQServer:
    """A session with a data server.

    Parameters
    ----------
    host, port : str, int
        Where it listens.
    api_level : int
        Of the interface; vectors come as with level 6.
    """

    def __init__(self, host: str, port: int, api_level: int = 6, allow_version_mismatch: bool = False) -> None:
        if api_level not in _API_LEVELS:
            raise errors.CoreError(f"API level {api_level} is not supported")
        try:
            self._socket = socket.create_connection((host, port), _TIMEOUT_S)
        except OSError as error:
            raise errors.CoreError(f"Could not connect to {host}:{port}. Details: {error}") from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._decoder = Decoder()
        self._ask("hello")

    # names of the vendor's --------------------------------------------------------------------------

    def connectDevice(self, dev: str, interface: str, params: str = "") -> None:
        """Have the data server connect to a device."""
        self._ask("connect", device=dev)

    def disconnect(self) -> None:
        """End the session."""
        self._socket.close()

    def set(self, items: str | Sequence[tuple[str, Any]], value: Any = None) -> None:
        """Set one node, or several in one transaction."""
        pairs = [(items, value)] if isinstance(items, str) else list(items)
        self._ask("set", items=[[path, _packed(one)] for path, one in pairs])

    def setInt(self, path: str, value: int) -> None:
        """Set a node to a whole number."""
        self._ask("set", items=[[path, int(value)]])

    def setDouble(self, path: str, value: float) -> None:
        """Set a node to a number."""
        self._ask("set", items=[[path, float(value)]])

    def setString(self, path: str, value: str) -> None:
        """Set a node to a text."""
        self._ask("set", items=[[path, str(value)]])

    def setVector(self, path: str, value: Any) -> None:
        """Set a node to a vector, or a text that is one."""
        self._ask("set", items=[[path, _packed(value)]])

    def getInt(self, path: str) -> int:
        """Return a node as a whole number."""
        return int(self._ask("one", path=path, kind="int"))

    def getDouble(self, path: str) -> float:
        """Return a node as a number."""
        return float(self._ask("one", path=path, kind="double"))

    def getString(self, path: str) -> str:
        """Return a node as a text."""
        return str(self._ask("one", path=path, kind="string"))

    def get(
        self, paths: str, flat: bool = False, *, settingsonly: bool = True, excludevectors: bool = False
    ) -> dict[str, Any]:
        """Return all nodes that match, by path: vectors as [{"vector": …}], others as {"value": [...]}."""
        if not flat:
            raise errors.CoreError("the emulated data server returns flat dictionaries only")
        rows = self._ask("get", paths=paths, settingsonly=settingsonly, excludevectors=excludevectors)
        found: dict[str, Any] = {}
        for path, now, value in rows:
            if isinstance(value, dict) and "complex" in value:
                found[path] = {"timestamp": np.array([now], np.uint64), "value": np.array([complex(*value["complex"])])}
            elif isinstance(value, dict):
                vector = array_from_wire(value, "")
                found[path] = [{"timestamp": now, "vector": vector}]
            elif isinstance(value, str):
                found[path] = {"timestamp": [now], "value": [value]}
            else:
                found[path] = {"timestamp": np.array([now], np.uint64), "value": np.array([value])}
        return found

    def listNodes(self, path: str, recursive: bool = False, leavesonly: bool = False) -> list[str]:
        """Return the paths of nodes that match; leaves only."""
        return list(self._ask("list", path=path))

    def sync(self) -> None:
        """Return when what was set before has arrived."""
        self._ask("sync")

    # ------------------------------------------------------------------------------------------------

    def _ask(self, call: str, **content: Any) -> Any:
        try:
            self._socket.sendall(encode({"call": call, **content}))
            while True:
                data = self._socket.recv(1 << 20)
                if not data:
                    raise errors.ConnectionError("The connection to the Data Server was closed")
                messages = self._decoder.feed(data)
                if messages:
                    break
        except builtin_timeout:
            self._socket.close()
            raise errors.TimeoutError(f"The Data Server did not answer within {_TIMEOUT_S:g} s") from None
        except (OSError, WireError) as error:
            self._socket.close()
            raise errors.ConnectionError(f"The connection to the Data Server is lost: {error}") from None
        answer = messages[0]
        if "error" in answer:
            kind, text = answer["error"]
            raise errors.BY_NAME.get(kind, errors.CoreError)(text)
        return answer.get("value")


builtin_timeout = TimeoutError


def _packed(value: Any) -> Any:
    """Return a value as it travels; vectors whole, whatever their size."""
    if isinstance(value, bytes | bytearray):
        value = np.frombuffer(value, np.uint8)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if not isinstance(value, np.ndarray):
        return value
    array = np.ascontiguousarray(value)
    return {"shape": list(array.shape), "dtype": array.dtype.str, "bytes": array.tobytes()}
