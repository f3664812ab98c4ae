"""What must hold among ports: connectors that exist, are of the right kind, triggered, and used once."""

from __future__ import annotations

from qctl.lab.decoding import Problems, join
from qctl.lab.lab import Lab
from qctl.lab.rack import InputRef, OutputRef, Port
from qctl.lab.rack_rules import is_dc, unknown

__all__ = ["check_ports"]

ROLES = {"transmon": ("drive", "flux", "readout"), "ion": ("drive", "readout", "ttl"), "atom": ("drive", "readout")}
_OUTPUT_KEYS = ("i", "q", "output", "dc")
_INPUT_KEYS = ("acquire_i", "acquire_q", "acquire")


def check_ports(lab: Lab, problems: Problems) -> None:
    """Note what is wrong with the ports, each by itself and one against another."""
    users: dict[OutputRef | InputRef, Port] = {}
    for name, port in lab.ports.items():
        path = join("ports", name)
        _target(lab, port, path, problems)
        _form(port, path, problems)
        _source(lab, port, path, problems)
        for key in (*_OUTPUT_KEYS, *_INPUT_KEYS):
            ref = getattr(port, key)
            if ref is None or not _exists(lab, ref, join(path, key), key, problems):
                continue
            other = users.setdefault(ref, port)
            if any(getattr(port, earlier) == ref for earlier in _before(key)):
                problems.add(join(path, key), f"{ref} is used twice by this port")
            elif other is not port and not (port.feedline and port.feedline == other.feedline):
                problems.add(
                    join(path, key), f"{ref} is used by {other.name} already; only ports of one feedline share it"
                )
        _feedline(lab, port, path, problems)
        _triggered(lab, port, path, problems)


def _before(key: str) -> tuple[str, ...]:
    for keys in (_OUTPUT_KEYS, _INPUT_KEYS):
        if key in keys:
            return keys[: keys.index(key)]
    return ()


def _target(lab: Lab, port: Port, path: str, problems: Problems) -> None:
    targets = {name: p for p in lab.processors.values() for name in (*p.qubits, *getattr(p, "beam", {}))}
    if port.target not in targets:
        problems.add(path, unknown("qubit or beam", port.target or port.name, list(targets)))
        return
    roles = ROLES[targets[port.target].platform]
    if port.role not in roles:
        problems.add(path, f"{port.role!r} is not one of {', '.join(roles)}")


def _form(port: Port, path: str, problems: Problems) -> None:
    if (port.i is None) != (port.q is None):
        problems.add(join(path, "q" if port.q is None else "i"), "is missing; i and q go together")
    if port.i is not None and port.output is not None:
        problems.add(join(path, "output"), "stands beside i and q; a port has one or the other")
    if port.i is not None and port.lo is None:
        problems.add(join(path, "lo"), "is missing; i and q need a carrier")
    if port.i is None and port.q is None and port.lo is not None and not port.inputs:
        problems.add(join(path, "lo"), "stands without i and q")
    if not port.outputs and port.dc is None and not port.inputs:
        problems.add(path, "is not wired to anything")
    if (port.acquire_i is None) != (port.acquire_q is None):
        missing = "acquire_q" if port.acquire_q is None else "acquire_i"
        problems.add(join(path, missing), "is missing; acquire_i and acquire_q go together")
    if port.acquire_i is not None and port.acquire is not None:
        problems.add(join(path, "acquire"), "stands beside acquire_i and acquire_q; a port has one or the other")
    if port.role == "readout" and not port.inputs:
        problems.add(join(path, "acquire_i"), "is missing; a readout port needs an input")
    if port.role != "readout" and port.inputs:
        problems.add(path, "only readout ports have inputs")
    if port.role == "drive" and not port.outputs:
        problems.add(join(path, "i"), "is missing; a drive port needs an output")


def _source(lab: Lab, port: Port, path: str, problems: Problems) -> None:
    if port.lo is None:
        return
    inside = next((ref for ref in port.outputs if _has_lo(lab, ref)), None)
    if inside is not None:
        problems.add(join(path, "lo"), f"stands beside lo_hz of {inside}; a port has one LO")
    source = lab.instruments.get(port.lo)
    if source is None:
        problems.add(join(path, "lo"), unknown("instrument", port.lo, list(lab.instruments)))
    elif source.frequency_hz is None:
        problems.add(join(path, "lo"), f"{port.lo} is not a source, it has no frequency_hz")


def _has_lo(lab: Lab, ref: OutputRef) -> bool:
    instrument = lab.instruments.get(ref.instrument)
    return (
        instrument is not None and ref.output in instrument.output and instrument.output[ref.output].lo_hz is not None
    )


def _exists(lab: Lab, ref: OutputRef | InputRef, path: str, key: str, problems: Problems) -> bool:
    instrument = lab.instruments.get(ref.instrument)
    if instrument is None:
        problems.add(path, unknown("instrument", ref.instrument, list(lab.instruments)))
        return False
    kind, number = ("output", ref.output) if isinstance(ref, OutputRef) else ("input", ref.input)
    table = {**instrument.output, **instrument.current} if kind == "output" else instrument.input
    if number not in table:
        known = ", ".join(map(str, table)) or "none"
        problems.add(path, f"{ref.instrument} has no {kind} {number}; it has {known}")
        return False
    static = number in instrument.current or (kind == "output" and is_dc(instrument.output[number]))
    if isinstance(ref, OutputRef) and static != (key == "dc"):
        wanted, found = ("a DC", "waveforms") if key == "dc" else ("a waveform", "DC")
        problems.add(path, f"{ref} is for {found}; {wanted} output is needed")
        return False
    return True


def _feedline(lab: Lab, port: Port, path: str, problems: Problems) -> None:
    if not port.feedline:
        return
    first = next(other for other in lab.ports.values() if other.feedline == port.feedline)
    for key in ("i", "q", "output", "acquire_i", "acquire_q", "acquire", "lo", "mixer"):
        if getattr(first, key) != getattr(port, key):
            problems.add(join(path, key), f"differs from {first.name} of the same feedline {port.feedline!r}")


def _triggered(lab: Lab, port: Port, path: str, problems: Problems) -> None:
    """Follow the trigger wires from each connector's instrument to the processor's trigger."""
    processor = next((p for p in lab.processors.values() if port.target in (*p.qubits, *getattr(p, "beam", {}))), None)
    for ref in port.connectors:
        instrument = lab.instruments.get(ref.instrument)
        if processor is None or instrument is None or processor.trigger not in lab.instruments:
            continue
        seen: set[str] = set()
        while instrument is not None and instrument.name != processor.trigger and instrument.name not in seen:
            seen.add(instrument.name)
            wire = instrument.trigger
            if wire is None:
                at = join(join("instruments", instrument.name), "trigger")
                text = f"{at}: is missing; {port.name} must start with {processor.trigger}"
                if not any(problem.startswith(f"{at}: is missing") for problem in problems.found):
                    problems.add("", text)
                break
            instrument = lab.instruments.get(wire.source)
        if instrument is not None and instrument.name in seen and instrument.trigger is not None:
            at = join(join(join("instruments", instrument.name), "trigger"), "source")
            if not any(problem.startswith(at) for problem in problems.found):
                problems.add(at, f"the trigger wires go in a circle and never reach {processor.trigger}")
