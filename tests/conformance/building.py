"""Build a program of the twenty with qctl's own builder, for the boxes of a rack."""

from __future__ import annotations

from typing import Any

import numpy as np
from programs import Example, Rack, Shape, Var

import qctl

__all__ = ["built"]


def envelope(shape: Shape, amp: Any) -> Any:
    """Return the envelope as qctl has it."""
    if shape.kind == "samples":
        return qctl.samples(np.array(shape.samples), shape.rate_hz)
    return getattr(qctl, shape.kind)(shape.length_s, amp, *shape.params)


def built(example: Example, rack: Rack, frames_hz: dict[str, float]) -> qctl.Program:
    """Return the program for a rack whose ports' frames begin with these frequencies."""
    steps = example.steps(rack)
    inner = [x for step in steps if step[0] == "if" for x in step[2]]
    named = [step for step in steps if step[0] != "if"] + inner
    ports = sorted({w for step in named for w in step[1:] if isinstance(w, str) and "." in w})
    bits = sorted({step[2] for step in steps if step[0] == "measure"})
    qubits = {"transmon": ["q0", "q1"], "ion": ["i0", "i1"], "atom": [f"a{k}" for k in range(9)]}[example.platform]
    p = qctl.Program(ports, qubits, bits)
    _append(p, steps, rack, frames_hz, {}, list(example.sweeps))
    return p


def _append(
    p: qctl.Program, steps: list[tuple[Any, ...]], rack: Rack, hz: dict[str, float], given: dict[str, Any], sweeps: Any
) -> None:
    if sweeps:
        name, values, unit = sweeps[0]
        with p.sweep(name, np.array(values), unit) as variable:
            _append(p, steps, rack, hz, {**given, name: variable}, sweeps[1:])
        return

    def value(x: Any, scale: float = 1.0, offset: float = 0.0) -> Any:
        if not isinstance(x, Var):
            return x * scale + offset
        factor, constant = x.scale * scale, x.offset * scale + offset
        made = given[x.name] if factor == 1 else given[x.name] * factor
        return made + constant if constant else made

    for name, *args in steps:
        if name == "play":
            port, shape, amp = args
            scaled = value(amp, rack.full_v[port])
            if shape.kind == "samples":
                p.play(port, envelope(shape, 1.0), scaled)
            else:
                p.play(port, envelope(shape, scaled))
        elif name == "delay":
            p.delay(args[0], value(args[1]))
        elif name in ("shift_phase", "shift_frequency"):
            getattr(p, name)(args[0], value(args[1]))
        elif name == "set_frequency":
            p.set_frequency(args[0], value(args[1], 1.0, hz[args[0]]))
        elif name == "capture":
            port, slot, length_s, weights = args
            p.capture(port, None if weights is None else envelope(weights, 1.0), into=slot, duration_s=length_s)
        elif name == "if":
            with p.if_(args[0]):
                _append(p, args[1], rack, hz, given, [])
        elif name == "rydberg":
            p.rydberg(*map(value, args))
        elif name in ("rz", "rxx"):
            getattr(p, name)(args[-1], *args[:-1])
        else:
            getattr(p, name)(*args)
