"""What attached instruments and control programs may ask the plant: a table of verbs; `fire` alone takes time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qctl.errors import RequestError
from qctl.hil.plant.event_blocks import begin_events, play_part
from qctl.hil.plant.exposures import begin_exposure
from qctl.hil.plant.following import count_left, end_turn, follow, unfollow
from qctl.hil.plant.messages import array_from_wire
from qctl.hil.plant.rack import Acquisition, Box, Playing, Point, Sequence, Tone
from qctl.hil.plant.self_timed import begin_play
from qctl.hil.plant.steered import begin_steer

if TYPE_CHECKING:
    from qctl.hil.plant.service import Plant, Session

__all__ = ["LATER", "VERBS"]

LATER: dict[str, Any] = {}
"""What a verb returns whose answer is sent later."""

Verb = Callable[["Plant", "Session", dict[str, Any]], dict[str, Any] | None]


def _hello(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    name = str(message["name"])
    session.box = plant.rack.attach(name, message["kind"], message["n_outputs"], message["n_inputs"])
    plant.sessions[name] = session
    for part, (kind, n_outputs, n_inputs) in message.get("parts", {}).items():
        plant.rack.attach(str(part), kind, n_outputs, n_inputs)
        plant.sessions[str(part)] = session
        session.parts.append(str(part))
    return {"folder": plant.folder, "faults": session.faults()}


def _now(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    return {"now_s": plant.clock.now_s()}


def _fired(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    return {"n_shots": plant.n_fired()}


def _waveforms(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    samples = array_from_wire(message["samples"], plant.folder)
    at = 0
    for digest, n_samples, places in message["waveforms"]:
        runs = []
        for start, size in places:
            if start < 0 or size < 0 or start + size > n_samples or at + size > samples.size:
                raise RequestError(f"waveform {digest}: {size} samples from {start} are not in {n_samples}")
            runs.append((int(start), samples[at : at + size]))
            at += size
        plant.rack.add_runs(str(digest), int(n_samples), tuple(runs))


def _outputs(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    box = session.attached()
    element = {
        int(number): Playing(((digest, 1),) if digest is not None else (), *level)
        for number, (digest, *level) in message["element"].items()
    }
    for number, playing in element.items():
        if not 1 <= number <= box.n_outputs:
            raise RequestError(f"{box.name} has no output {number}")
        plant.rack.check_steps(f"{box.name}:{number}", playing.steps)
    box.playing, box.rate_hz, box.armed = element, float(message["rate_hz"]), bool(message["armed"])
    box.sequence = None
    plant.changed()


def _sequence(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    box = session.attached()
    levels = {int(number): (float(vpp), float(v), bool(on)) for number, (vpp, v, on) in message["levels"].items()}
    if not all(1 <= number <= box.n_outputs for number in levels):
        raise RequestError(f"{box.name} has outputs 1 to {box.n_outputs}, not {sorted(levels)}")
    points = {}
    for number, steps, target in message["points"]:
        outputs = plant.rack.outputs_of(f"{box.name}: element {number}", steps)
        points[int(number)] = Point(outputs, int(target))
    astray = [point.target for point in points.values() if point.target and point.target not in points]
    position = message["position"]
    if position is None:
        position = box.sequence.position if box.sequence is not None else 1
    if astray or position not in points:
        raise RequestError(f"{box.name}: element {(astray or [position])[0]} does not wait for a trigger")
    box.sequence = Sequence(points, levels, position)
    box.playing, box.rate_hz, box.armed = box.sequence.playing(), float(message["rate_hz"]), True
    plant.changed()


def _attached_sequence(session: Session) -> tuple[Box, Sequence]:
    box = session.attached()
    if box.sequence is None:
        raise RequestError(f"{box.name} plays no sequence")
    return box, box.sequence


def _position(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    box, sequence = _attached_sequence(session)
    wanted = message.get("position")
    if wanted is not None:
        if wanted not in sequence.points:
            raise RequestError(f"{box.name}: element {wanted} does not wait for a trigger")
        sequence.position = wanted
        box.playing = sequence.playing()
        plant.changed()
    return {"position": sequence.position}


def _event(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    box, _ = _attached_sequence(session)
    box.follow(1)
    plant.changed()


def _level(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    now_s, box, part = plant.clock.now_s(), session.attached(), message.get("part", "")
    if part and part not in session.parts:
        raise RequestError(f"{box.name} does not speak for {part!r}")
    box = plant.rack.boxes[part] if part else box
    box.set_level(int(message["output"]), message["volts"], message["slew_v_per_s"], now_s)


def _tone(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    session.attached().tone = Tone(message["frequency_hz"], message["power_dbm"], message["on"])


def _arm(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    box = session.attached()
    inputs = tuple(int(n) for n in message["inputs"])
    n_samples, n_records = int(message["n_samples"]), int(message["n_records"])
    if n_samples < 1 or n_records < 1 or not message["rate_hz"] > 0:
        raise RequestError(f"{box.name}: n_samples = {n_samples}, n_records = {n_records}: have to be above 0")
    before = box.acquisition
    box.acquisition = Acquisition(
        inputs, message["rate_hz"], message["delay_s"], n_samples, n_records, bool(message["averaged"])
    )
    session.waiting[int(message["id"])] = box.acquisition
    session.settle()
    plant.changed(before is None or not box.acquisition.alike(before))
    return LATER


def _play(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    begin_play(plant, session, message)
    return LATER


def _follow(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    follow(plant, session, message)
    return LATER


def _unfollow(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    unfollow(plant, str(message["box"]))


def _wires(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    own = (session.attached().name, *session.parts)
    return {"wires": {name: place for name, place in plant.physics.cables.triggers.items() if name in own}}


def _expose(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    begin_exposure(plant, session, message)
    return LATER


def _events(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    begin_events(plant, session, message)
    return LATER


def _disarm(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    session.attached().acquisition = None
    session.settle()


def _abort(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    plant.aborted.set()


def _reference(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    session.attached().locked = bool(message["locked"])


def _count(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    counters = session.attached().counters
    for name, amount in message["amounts"].items():
        counters[name] = counters.get(name, 0) + int(amount)


def _set_fault(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    fault = plant.physics.faults.put(message["name"], message.get("on"), message.get("value"))
    plant.push_faults(fault.on, fault.name)
    return {"fault": [fault.name, fault.on, fault.value]}


def _clear_faults(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    removed = plant.physics.faults.clear(message.get("name"), message.get("on"))
    plant.push_faults()
    return {"faults_cleared": [[fault.name, fault.on, fault.value] for fault in removed]}


def _spent(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    plant.physics.faults.spend(message["name"], message.get("on") or session.attached().name)


def _faults(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    return {"faults_set": [[fault.name, fault.on, fault.value] for fault in plant.physics.faults.present()]}


def _counters(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    return {"counters": plant.rack.counters}


VERBS: dict[str, Verb] = {
    "abort": _abort,
    "arm": _arm,
    "clear_faults": _clear_faults,
    "count": _count,
    "counters": _counters,
    "disarm": _disarm,
    "end_turn": end_turn,
    "event": _event,
    "events": _events,
    "expose": _expose,
    "events_of_part": play_part,
    "faults": _faults,
    "spent": _spent,
    "fired": _fired,
    "follow": _follow,
    "hello": _hello,
    "level": _level,
    "now": _now,
    "outputs": _outputs,
    "play": _play,
    "position": _position,
    "reference": _reference,
    "sequence": _sequence,
    "set_fault": _set_fault,
    "shots_left": count_left,
    "steer": begin_steer,
    "tone": _tone,
    "unfollow": _unfollow,
    "waveforms": _waveforms,
    "wires": _wires,
}
