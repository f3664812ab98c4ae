"""Emulated control software of a Bluefors refrigerator, first generation: its tree of values over HTTP.

Readings come from the fault ``readings`` (``{"tmixing": 0.012, "p3": ""}``: the empty text is no reading), ``outdated``
is a list of names, ``status`` a mapping from names to words other than SYNCHRONIZED; ``warm`` is the temperature of the
mixing chamber in kelvin.

Source: Bluefors Remote API as it shows in github ClementCollignon/bluefors-api-python: paths
``/values/mapper/bf/temperatures/tmixing/``, ``recursion`` and ``style=flat``, the form of value nodes, ``/system``.
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Plant

__all__ = ["BlueforsControl"]

_COLD = {"t50k": "42.1", "t4k": "3.72", "tmagnet": "3.9", "tstill": "0.853", "tmixing": "0.0113", "tfse": ""}
_PRESSURES = {"p1": "2.1e-09", "p2": "0.211", "p3": "0.305", "p4": "0.412", "p5": "0.998", "p6": "1.2e-05"}


class BlueforsControl:
    """The control software's side of the Remote API.

    Parameters
    ----------
    config : EmulatorConfig
        Name and serial number.
    plant : Plant
        Unused: nothing in the plant feels temperature yet.
    """

    kind = "box"
    n_outputs = 0
    n_inputs = 0
    own_faults = frozenset({"readings", "outdated", "status", "warm"})

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        self.config = config
        self.plant = plant
        self.counters: dict[str, int] = {"requests": 0}
        self.faults: dict[str, Any] = {}

    async def flush(self) -> None:
        """Do nothing: there is nothing to tell the plant."""

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Take the present faults."""
        self.faults = dict(faults)

    def power_cycle(self) -> None:
        """Do nothing: the software reads its boxes again."""

    def answer(self, method: str, target: str) -> tuple[int, bytes]:
        """Return the status and the body that answer a request."""
        self.counters["requests"] += 1
        place = urlsplit(target)
        parts = [part for part in place.path.split("/") if part]
        if method != "GET":
            return 405, _body({"error": {"message": "method not allowed"}})
        if parts == ["system"]:
            return 200, _body({"data": {"system_name": self.config.name, "system_version": "v2.1"}})
        if not parts or parts[0] != "values":
            return 404, _body({"error": {"message": "not found"}})
        options = parse_qs(place.query)
        deep = options.get("recursion", ["0"])[0] == "-1"
        wanted = ".".join(parts[1:])
        tree = self._tree()
        if wanted not in tree and wanted:
            return 404, _body({"error": {"message": f"{wanted} not found"}})
        inside = {path: node for path, node in tree.items() if path == wanted or (deep and _below(path, wanted))}
        return 200, _body({"data": inside})

    def _tree(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            path: {"name": path, "type": "Value.Collection"}
            for path in ("mapper", "mapper.bf", "mapper.bf.temperatures", "mapper.bf.pressures")
        }
        places = {f"mapper.bf.temperatures.{name}": (name, value, "temperature") for name, value in _COLD.items()}
        places |= {f"mapper.bf.pressures.{name}": (name, value, "pressure") for name, value in _PRESSURES.items()}
        places["mapper.bf.flow"] = ("flow", "0.521", "flow")
        for path, (name, value, unit) in places.items():
            found[path] = self._node(path, name, value, unit)
        return found

    def _node(self, path: str, name: str, value: str, unit: str) -> dict[str, Any]:
        if name == "tmixing" and "warm" in self.faults:
            value = str(self.faults["warm"])
        said = str(self.faults.get("readings", {}).get(name, value))
        latest = {
            "value": said,
            "status": self.faults.get("status", {}).get(name, "SYNCHRONIZED"),
            "date": int(time.time() * 1000),
            "outdated": name in self.faults.get("outdated", []),
        }
        valid = latest if said else {**latest, "value": value or "300.0", "outdated": True}
        content = {"latest_value": latest, "latest_valid_value": valid}
        return {"name": path, "type": f"Value.Number.Float.Unit.{unit}", "content": content}


def _below(path: str, root: str) -> bool:
    return not root or path.startswith(root + ".")


def _body(value: Any) -> bytes:
    return json.dumps(value).encode()
