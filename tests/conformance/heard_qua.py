"""What an OPX would play of a run: qm-qua builds the text, its schema reads the configuration, a stand-in runs it."""

from __future__ import annotations

import json
import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from heard import Heard, Line, stretches
from qua_judge import Recorder

from qctl.instruments.quantum_machines.body import QuaBody

__all__ = ["built", "hear"]

NS = Fraction(1, 10**9)
FLIGHT_NS = 24
"""From a pulse's start to that of its weights (docs/qua.md)."""


def built(body: QuaBody) -> str:
    """Return the script that qm-qua makes of what it has built of text and configuration, which it reads."""
    logging.getLogger("qm").setLevel(logging.ERROR)
    from qm import QuantumMachinesManager, generate_qua_script
    from qm.program._qua_config_schema import load_config

    QuantumMachinesManager.set_capabilities_offline()
    config = numbered(json.loads(body.config))
    load_config(config)
    space: dict[str, Any] = {}
    exec(compile(body.program, "qua", "exec"), space)
    return str(generate_qua_script(space["prog"], config))


def numbered(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration with the numbers of ports as numbers, and pairs as the schema wants them."""
    for controller in config["controllers"].values():
        for kind in ("analog_outputs", "analog_inputs"):
            if kind in controller:
                controller[kind] = {int(k): v for k, v in controller[kind].items()}
    return config


def hear(ready: Any, lab: Any, folder: Path) -> Heard:
    """Return what every element plays, and when it integrates."""
    heard = Heard(taken=["qm-qua"])
    for batch in ready.lowered.batches:
        for program in batch.programs:
            if program.model == "qm-opx":
                body = QuaBody.from_bytes(program.body)
                built(body)
                _controller(heard, Recorder(body.program, json.loads(body.config)), body, batch, lab)
    return heard


def _controller(heard: Heard, run: Recorder, body: QuaBody, batch: Any, lab: Any) -> None:
    config = run.config
    assert {s.i for s in body.streams} | {s.q for s in body.streams} == set(run.streams)
    for stream in body.streams:
        assert run.saved[stream.i] == stream.n_each * body.n_shots
        words = run.streams[stream.i]
        assert f".buffer({stream.n_each})" in words and (".average()" in words) == body.averaged
    for element in config["elements"]:
        name = next(port for port in lab.ports if port.replace(".", "_") == element)
        two = "mixInputs" in config["elements"][element]
        for p in range(body.n_points):
            mine = [one for one in run.played if one.element == element and one.start_ns // body.period_ns == p]
            sound = np.zeros(body.period_ns, complex)
            for one in mine:
                at = one.start_ns - p * body.period_ns
                pulse = config["pulses"][config["elements"][element]["operations"][one.operation]]
                n = pulse["length"]
                shape = _samples(config, pulse, n) * one.scale
                since = one.start_ns - one.zero_ns + np.arange(n)
                carrier = np.exp(2j * np.pi * (one.hz * 1e-9 * since + one.turns)) if two else 1.0
                sound[at : at + n] += shape * carrier
                if one.outputs:
                    _window(heard, config, pulse, name, batch.first_point + p, at - body.zero_ns, one)
            found = list(stretches(sound * 2**16, -body.zero_ns * NS, Fraction(10**9)))
            heard.lines.append(
                Line((name,), batch.first_point + p, Fraction(10**9), 2.0**-16, 16, found, NS, None, 1, two,
                     "oscillator" if two else "")
            )  # fmt: skip


def _samples(config: dict[str, Any], pulse: dict[str, Any], n: int) -> np.ndarray:
    parts = []
    for part in ("I", "Q") if "I" in pulse["waveforms"] else ("single",):
        one = config["waveforms"][pulse["waveforms"][part]]
        parts.append(np.full(n, one["sample"]) if one["type"] == "constant" else np.array(one["samples"]))
        assert np.abs(parts[-1]).max() <= 0.5, "an OPX has half a volt"
    return parts[0] + 1j * parts[1] if len(parts) == 2 else parts[0] + 0j


def _window(
    heard: Heard, config: dict[str, Any], pulse: dict[str, Any], port: str, point: int, at: int, one: Any
) -> None:
    """Note where the weights are not zero; they have whole cycles, as many as the pulse."""
    (a, out1, b, out2), (c, _, d, _) = one.outputs
    assert (out1, out2) == ("out1", "out2") and a == d
    rows = {}
    for key in (a, b, c):
        weights = config["integration_weights"][pulse["integration_weights"][key]]
        for part in ("cosine", "sine"):
            assert all(n % 4 == 0 and n > 0 for _, n in weights[part])
            assert sum(n for _, n in weights[part]) == pulse["length"]
            rows[key, part] = np.concatenate([np.full(n, v) for v, n in weights[part]])
    # I + jQ of a tone of phase 0 is real and positive, whatever its frequency.
    assert np.array_equal(rows[a, "cosine"], rows[b, "sine"]) and np.array_equal(rows[a, "cosine"], -rows[c, "sine"])
    assert np.array_equal(rows[a, "sine"], -rows[b, "cosine"]) and np.array_equal(rows[a, "sine"], rows[c, "cosine"])
    used = np.flatnonzero(rows[a, "cosine"])
    start = at + FLIGHT_NS + int(used[0])
    heard.windows.append((port, point, start * NS, int(used[-1] - used[0] + 1) * NS, NS))
