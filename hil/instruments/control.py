"""The back door of an emulated instrument: faults are set and counters read here, never over the instrument's own link.

One JSON object a line each way over a unix socket: ``{"faults": {...}}`` replaces the faults, ``{"get": "counters"}``
returns what was counted, ``{"get": "faults"}`` the faults. Faults that the plant pushes come on top. A fault that the
box would not show is refused, and nothing is set.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from typing import Any

from qctl.hil.faults.present import WireFaults
from qctl.hil.faults.table import KINDS
from qctl.hil.instruments.emulated import Emulated

__all__ = ["Control"]


class Control:
    """Take faults and answer counters for one box.

    Parameters
    ----------
    box : Emulated
        The instrument.
    faults : WireFaults
        Its faults on the wire.
    shown : collection of str
        Faults that its kind of link shows, beside those that any instrument does.
    """

    def __init__(self, box: Emulated, faults: WireFaults, shown: Collection[str] = ()) -> None:
        self._shown = frozenset(shown)
        self._box = box
        self._faults = faults
        self._own: dict[str, Any] = {}
        faults.on_trip = box.plant.fault_changed.set
        faults.on_spent = box.plant.spent
        self._server: asyncio.AbstractServer | None = None

    async def open(self, path: str) -> None:
        """Listen on a unix socket, if there is a path."""
        if path:
            self._server = await asyncio.start_unix_server(self._talk, path)

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def changed(self) -> bool:
        """Wait until faults change, here or at the plant, and apply them; False when the plant is gone."""
        plant = self._box.plant
        waits = [asyncio.ensure_future(event.wait()) for event in (plant.fault_changed, plant.closed)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        plant.fault_changed.clear()
        anew, plant.anew = plant.anew, set()
        self._apply(anew)
        return not plant.closed.is_set()

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request."""
        if "faults" in request:
            if said := self._refusal(request["faults"]):
                return {"error": said}
            self._own = dict(request["faults"])
            self._apply(self._own)
            self._box.plant.fault_changed.set()
            return {"ok": True}
        if request.get("get") == "counters":
            return dict(self._box.counters)
        if request.get("get") == "faults":
            return self._box.plant.faults | self._own
        return {"error": "unknown request"}

    def _refusal(self, faults: dict[str, Any]) -> str:
        """Return a sentence if nothing would come of a fault; units of a line are dictionaries under their names."""
        units = getattr(self._box, "on_line", {})
        for name, value in faults.items():
            if name not in units:
                if said := _unknown(name, self._box.own_faults | self._shown):
                    return said
            elif not isinstance(value, dict):
                return f"{name} is a unit, and its faults stand in an object under its name, not {value!r}"
            elif "renamed" in value:
                return f"renamed is set on a line, not on {name}, which is on it: a port goes and comes for all"
            elif said := next(filter(None, (_unknown(one, units[name].box.own_faults) for one in value)), ""):
                return f"{name}: {said}"
        return ""

    def _apply(self, anew: Collection[str] = ()) -> None:
        present = self._box.plant.faults | self._own
        own = self._box.own_faults
        self._faults.replace({name: value for name, value in present.items() if name not in own}, anew)
        self._box.new_faults(present)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                try:
                    reply = self.handle(json.loads(line))
                except (ValueError, TypeError, AttributeError) as error:
                    reply = {"error": str(error)}
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def _unknown(name: str, shown: Collection[str]) -> str:
    """Return a sentence if a box that shows some faults beside those of any instrument does not show one."""
    known = {kind.name for kind in KINDS.values() if kind.place != "cable" and not kind.chosen} | set(shown)
    return "" if name in known else f"fault {name!r} is not one of {', '.join(sorted(known))}"
