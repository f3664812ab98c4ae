"""`qctl check`: say whether a lab.toml can be right, and draw its wiring."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer

from qctl.cli.app import end_refused
from qctl.errors import QctlError, RequestError
from qctl.instruments.registry import HOSTED, MODELS, check_entry
from qctl.lab import Interlock, Lab, load_lab
from qctl.lab.addresses import Address, parse_address
from qctl.lab.ion import IonProcessor
from qctl.lab.lab import Processor

__all__ = ["check"]


def check(
    lab: Annotated[Path, typer.Argument(help="The lab file.", metavar="LAB.TOML")],
    out: Annotated[Path | None, typer.Option(help="Picture of the wiring (.png, .svg or .pdf).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Validate a lab file and draw its wiring."""
    try:
        found = load_lab(lab)
        _check_models(found, lab.name)
        picture = _draw(found, out or Path(f"{lab.stem}-wiring.png"))
        refused = [f"{name}: {words}" for name in found.processors for words in refused_of(found, name)]
    except QctlError as error:
        end_refused(error, as_json)
    summary = summarise(found, picture, refused)
    print(json.dumps(summary) if as_json else _text(lab, summary))


def _check_models(lab: Lab, where: str) -> None:
    """Refuse models without a driver, and rules that no driver holds: these instruments would never be reached."""
    problems = []
    for name, instrument in lab.instruments.items():
        if instrument.model not in MODELS and instrument.model.partition(":")[0] not in HOSTED:
            close = get_close_matches(instrument.model, MODELS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(MODELS))}"
            problems.append(f"{where}: instruments.{name}.model: there is no driver {instrument.model!r}, {hint}")
            continue
        try:
            check_entry(instrument)
        except RequestError as error:
            problems.append(f"{where}: {error.message}")
    if problems:
        raise RequestError(problems[0], problems=problems)


def _draw(lab: Lab, path: Path) -> Path:
    from qctl.report.wiring import draw_wiring  # matplotlib takes a while to load

    return draw_wiring(lab, path)


def refused_of(lab: Lab, name: str) -> list[str]:
    """Compile a gate and a measurement for each qubit and coupler of a processor; return what is refused, in words.

    A lab file may describe what is not calibrated or wired yet, so this keeps nobody from using it.
    """
    processor = lab.processor(name)
    targets = [(one,) for one in processor.qubits] + [tuple(pair.split("-")) for pair in processor.coupler]
    whole = _refusal(lab, name, targets)
    if not whole:
        return []
    by_words: dict[str, list[str]] = {}
    for target in targets:
        if words := _refusal(lab, name, [target]):
            by_words.setdefault(words, []).append("-".join(target))
    if not by_words:
        return [f"all of it in one program: {whole}"]
    return [f"{', '.join(names)}: {words}" for words, names in by_words.items()]


def _refusal(lab: Lab, name: str, targets: Sequence[tuple[str, ...]]) -> str:
    """Return why gates on some qubits, one after the other, and their measurements can't be compiled; empty if so."""
    import qctl

    qubits = list(dict.fromkeys(qubit for target in targets for qubit in target))
    program = qctl.Program(qubits=qubits, bits=qubits)
    for target in targets:
        places = [qubits.index(one) for one in target]
        program.x(*places) if len(places) == 1 else program.cz(*places)
    for place in range(len(qubits)):
        program.measure(place, place)
    try:
        qctl.compile(program, lab, name, shots=1)
    except QctlError as error:
        return error.message
    return ""


def summarise(lab: Lab, picture: Path, refused: Sequence[str] = ()) -> dict[str, Any]:
    """Return what `--json` prints for a lab that is in order."""
    addresses = [parse_address(instrument.address) for instrument in lab.instruments.values()]
    return {
        "ok": True,
        "name": lab.name,
        "processors": {
            name: {
                "platform": processor.platform,
                "qubits": len(processor.qubits),
                "couplers": len(processor.coupler),
                "native_gates": list(processor.native_gates),
            }
            for name, processor in lab.processors.items()
        },
        "instruments": {name: instrument.model for name, instrument in lab.instruments.items()},
        "ports": len(lab.ports),
        "clocks": {name: one.clock_source for name, one in lab.instruments.items() if one.clock_source},
        "interlocks": {name: _bounds(one) for name, one in lab.interlocks.items()},
        "loopback": all(isinstance(address, Address) and _stays_here(address) for address in addresses),
        "refused": list(refused),
        "notes": [f"{name}: {words}" for name, owner in lab.processors.items() for words in _notes(owner)],
        "picture": str(picture),
    }


def _notes(processor: Processor) -> list[str]:
    """Return what circuits would lack that nothing refuses."""
    if not isinstance(processor, IonProcessor):
        return []
    found = []
    if processor.detection is None:
        found.append("photons are counted in the dark: `detection` names the light, or programs switch it on")
    if not processor.preparation:
        found.append("shots begin without cooling and pumping: `preparation` has what they begin with")
    return found


def _bounds(one: Interlock) -> str:
    """Return what an interlock asks for, in words."""
    low, high = ("" if bound is None else f"{bound:g}" for bound in (one.min, one.max))
    return f"{one.instrument} {one.parameter} in [{low or '-inf'}, {high or 'inf'}]"


def _stays_here(address: Address) -> bool:
    """Say whether an address stays on this machine; a virtual lab names its pseudo-terminals by links."""
    if address.kind == "serial":
        return str(Path(address.host).resolve()).startswith("/dev/pts/")
    return address.loopback


def _text(file: Path, summary: dict[str, Any]) -> str:
    where = "all on this machine" if summary["loopback"] else "not all on this machine"
    verdict = "can be read, but not all of it be played" if summary["refused"] else "is in order"
    lines = [f"{file.name}: {summary['name']} {verdict}"]
    lines += [
        f"  {name}: {owner['platform']}, {owner['qubits']} qubits, {owner['couplers']} couplers"
        for name, owner in summary["processors"].items()
    ]
    lines += [
        f"  {len(summary['instruments'])} instruments, {where}; {summary['ports']} ports",
        *(f"  clock of {name} from {source}" for name, source in summary["clocks"].items()),
        *(f"  interlock {name}: {words}" for name, words in summary["interlocks"].items()),
        *(f"  {words}" for words in (*summary["refused"], *summary["notes"])),
        f"  wiring: {summary['picture']}",
    ]
    return "\n".join(lines)
