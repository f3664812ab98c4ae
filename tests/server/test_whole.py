"""Devices that time themselves: fired once, watched until all have finished, read at once; or stopped, or too late."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qctl.errors import DeviceTimeoutError, RefusedError, ScheduleError
from qctl.instruments.links.life import LinkState
from qctl.lowering import Part
from qctl.program.tables import Sweep
from qctl.program.timeline import CaptureSpec
from qctl.server import whole
from qctl.server.batch import STAGES, Outcome, Rack, Stopped
from qctl.server.orders import BatchOrder, Load, SumsPart
from qctl.server.prepare import Prepared
from qctl.server.reduce import Reduction
from qctl.server.ring import Ring

ORDER = BatchOrder((), 4, 0, 3, False, 1e-3)


class Thread:
    """Calls its device at once, as an instrument's thread does later."""

    def __init__(self, name: str, device: Any) -> None:
        self.name, self.device, self.state = name, device, LinkState.UP

    def is_a(self, kind: type) -> bool:
        return isinstance(self.device, kind)

    def submit(self, function: Any, longest_s: float = 0.0) -> Any:
        try:
            value, error = function(self.device), None
        except RefusedError as problem:
            value, error = None, problem
        return SimpleNamespace(wait=lambda _: True, value=value, error=error)


class Device:
    """Has finished after some questions."""

    def __init__(self, n_questions: int = 0, found: Any = None) -> None:
        self.left, self.found, self.fired = n_questions, found or {}, 0

    def finished(self) -> bool:
        self.left -= 1
        return self.left < 0

    def integrated(self) -> Any:
        return self.found

    def fire(self) -> None:
        self.fired += 1

    def load(self, program: Any) -> int:
        return 0

    start = select = stop = identify = parameters = get = set = safe = close = wait = load


def play(tmp_path: Path, devices: dict[str, Device], stop: Any = None) -> tuple[Outcome, list[int], Device]:
    trigger, told = Device(), []
    threads = [Thread(name, device) for name, device in devices.items()]
    rack = SimpleNamespace(triggers=[Thread("cluster0", trigger)], self_timed=threads)
    outcome = Outcome()
    watch = SimpleNamespace(check=lambda: None)
    whole.play_whole(
        ORDER, rack, watch, tmp_path / "7-1", stop or threading.Event(), Ring(STAGES),  # type: ignore[arg-type]
        lambda _, n: told.append(n), outcome,
    )  # fmt: skip
    return outcome, told, trigger


def test_results_of_all_points_are_written_at_once(tmp_path: Path) -> None:
    values = np.arange(12).reshape(3, 4) * (1 + 2j)
    outcome, _, trigger = play(tmp_path, {"qcm0": Device(3), "qrm0": Device(2, {("q0.readout", "m"): values})})
    assert trigger.fired == 1 and outcome.n_points == 4
    (part,) = outcome.sums
    assert part.instrument == "qrm0" and part.results == (("q0.readout", "m", 3, 4),)
    np.testing.assert_array_equal(np.fromfile(part.path, np.complex128).reshape(3, 4), values)


def test_run_that_is_told_to_stop_is_left_at_once(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        play(tmp_path, {"qrm0": Device(1 << 30)}, stop)


def test_run_that_does_not_end_is_given_up_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "_SLOWEST_PHYSICS_S", 0.1)
    with pytest.raises(DeviceTimeoutError, match=r"qrm0: 4 points of 3 shots last 0.012 s, and have not ended"):
        play(tmp_path, {"qcm0": Device(), "qrm0": Device(1 << 30)})


def test_what_a_device_says_of_its_failure_ends_the_run(tmp_path: Path) -> None:
    broken = Device()
    broken.finished = lambda: (_ for _ in ()).throw(RefusedError("qrm0: underflow"))  # type: ignore[method-assign]
    with pytest.raises(RefusedError, match="underflow"):
        play(tmp_path, {"qrm0": broken})


def test_boxes_that_time_themselves_and_boxes_that_are_told_points_are_not_mixed() -> None:
    player = SimpleNamespace(**{name: lambda *_: None for name in (
        "load", "start", "select", "stop", "identify", "parameters", "get", "set", "safe", "close")})  # fmt: skip
    timed = SimpleNamespace(**vars(player), finished=lambda: True, integrated=dict)
    threads = {"awg0": Thread("awg0", player), "qcm0": Thread("qcm0", timed)}
    order = BatchOrder(tuple(Load(name, "m", b"", (), 1) for name in threads), 1, 0, 1, False, 1e-3)
    with pytest.raises(ScheduleError, match="qcm0 plays all points by itself, awg0 is told each"):
        Rack(order, threads).part()  # type: ignore[arg-type]


def test_boxes_that_wait_for_triggers_are_led_with_those_that_are_told_points() -> None:
    verbs = ("load", "start", "select", "stop", "identify", "parameters", "get", "set", "safe", "close")
    player = SimpleNamespace(**{name: lambda *_: None for name in verbs})
    timed = SimpleNamespace(**vars(player), finished=lambda: True, integrated=dict, follows=lambda: True)
    firing = SimpleNamespace(**vars(player), fire=lambda: None, wait=lambda _: None)
    chassis = SimpleNamespace(**vars(firing), follows=lambda: True)
    devices = {"awg0": player, "qcm0": timed, "trig0": firing, "cluster0": chassis}
    threads = {name: Thread(name, device) for name, device in devices.items()}
    order = BatchOrder(tuple(Load(name, "m", b"", (), 1) for name in threads), 1, 0, 1, False, 1e-3)
    rack = Rack(order, threads)  # type: ignore[arg-type]
    rack.part()
    assert [[t.name for t in found] for found in (rack.triggers, rack.chassis, rack.following, rack.self_timed)] == [
        ["trig0"], ["cluster0"], ["qcm0"], []
    ]  # fmt: skip
    assert sorted(thread.name for thread in rack.all) == sorted(threads)


def test_box_that_has_missed_triggers_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(whole, "_LAST_SHOT_S", 0.05)
    stop, outcome = threading.Event(), Outcome()
    found = {("q0.readout", "m"): np.ones((3, 2), np.complex128)}
    boxes = [Thread("qcm0", Device(2)), Thread("qa0", Device(1, found))]
    whole.see_off(SimpleNamespace(following=boxes), stop, tmp_path / "7-1", outcome)  # type: ignore[arg-type]
    assert [(part.instrument, part.results) for part in outcome.sums] == [("qa0", (("q0.readout", "m", 3, 2),))]
    with pytest.raises(DeviceTimeoutError, match="qcm0 waits for triggers when all shots are over"):
        boxes = [Thread("qcm0", Device(1 << 30))]
        whole.see_off(SimpleNamespace(following=boxes), stop, tmp_path / "7-1", outcome)  # type: ignore[arg-type]


def prepared(*specs: CaptureSpec) -> Prepared:
    first = Part(0, 2, (Sweep("amp", np.arange(2.0)),), ("c",), specs[:2], 3)
    second = Part(2, 2, (Sweep("amp", np.arange(2.0)),), ("c",), specs[2:], 3)
    return Prepared((ORDER,), ({},), (first, second), (), ({}, {}), {})


def spec(slot: str, start_s: float, first_point: int) -> CaptureSpec:
    return CaptureSpec(
        "q0.readout", "q0", slot, 0, "qrm0", (1, 2), 0.0, start_s, 4e-7, first_point=first_point, n_points=2
    )


def test_columns_go_to_the_captures_that_they_are_of(tmp_path: Path) -> None:
    # The first program measures twice in a shot, the later capture declared first; the second one once.
    plan = prepared(spec("m", 5e-7, 0), spec("m", 1e-7, 0), spec("m", 0.0, 2))
    values = np.arange(18).reshape(3, 6).astype(np.complex128)
    path = tmp_path / "sums"
    path.write_bytes(values.tobytes())
    reduction = Reduction(plan, False)
    reduction.take(ORDER, {}, (), 4, (SumsPart("qrm0", str(path), (("q0.readout", "m", 3, 6),)),))
    programs, arrays = reduction.results()
    np.testing.assert_array_equal(arrays[0, "iq", "m"], values[:, [1, 3]])
    np.testing.assert_array_equal(arrays[0, "iq", "m.1"], values[:, [0, 2]])
    np.testing.assert_array_equal(arrays[1, "iq", "m"], values[:, [4, 5]])
    assert not path.exists() and [one["shots_done"] for one in programs] == [3, 3]


def test_another_number_of_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sums"
    path.write_bytes(np.zeros((3, 5), np.complex128).tobytes())
    reduction = Reduction(prepared(spec("m", 0, 0), spec("n", 0, 0), spec("m", 0, 2)), False)
    with pytest.raises(Exception, match=r"qrm0 measured 5 values of m on q0.readout in a shot, not 4"):
        reduction.take(ORDER, {}, (), 4, (SumsPart("qrm0", str(path), (("q0.readout", "m", 3, 5),)),))
