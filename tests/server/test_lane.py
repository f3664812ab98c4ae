"""A job's way: results, cancelling at every stage, what is uploaded, settings of a run."""

from __future__ import annotations

import json
import re
import threading
import time

import numpy as np
import pytest

from qctl.client import connect
from qctl.errors import CompileError, DeviceError, InternalError, JobCancelledError, LeaseError, ScheduleError


def sets(instrument) -> list[str]:
    return [call for call in instrument.call("history") if call.startswith("set")]


def wait_for(job, *states: str) -> None:
    until = time.monotonic() + 60
    while job.state not in states:
        assert time.monotonic() < until, f"{job.state}, not {states}"


def test_counts_are_in_the_order_of_qiskit(lab) -> None:
    result = lab.run(json.dumps({"bits": 2}), shots=1000).result(20)
    assert result.counts == {"00": 500, "11": 500}
    assert not result.partial
    assert {"queued_s", "upload_s", "fire_s", "read_s", "reduce_s"} <= set(result.timings)


def test_sweep_returns_arrays_shaped_by_its_axes(lab) -> None:
    result = lab.run(json.dumps({"n_points": 7, "bits": 2}), shots=20, averaged=True).result(20)
    assert result.iq["c[0]"].shape == (7,)
    np.testing.assert_allclose(result.iq["c[0]"], -0.1 * np.arange(1, 8), rtol=1e-6)
    single = lab.run(json.dumps({"n_points": 7}), shots=20, averaged=False).result(20)
    assert single.iq["c[0]"].shape == (20, 7)
    assert [sum(counts.values()) for counts in single.counts] == [20] * 7
    dataset = single.dataset
    assert dataset["c[0]"].dims == ("shot", "amp") and dataset["amp"].attrs["units"] == "V"


def test_list_of_programs_is_one_job(lab) -> None:
    result = lab.run([json.dumps({"bits": 1}), json.dumps({"bits": 3})], shots=10).result(20)
    assert [sorted(counts) for counts in result.counts] == [["0", "1"], ["000", "111"]]
    assert result[1].counts["000"] == 5


def test_batches_of_the_same_points_add_up(lab) -> None:
    result = lab.run(json.dumps({"batches": 4, "n_points": 2}), shots=40).result(20)
    assert result.counts == [{"0": 20, "1": 20}] * 2
    assert np.isfinite(result.iq["c[0]"]).all()


def test_records_are_kept_on_request(lab) -> None:
    result = lab.run(json.dumps({"n_points": 2}), shots=4, keep_records=True).result(20)
    assert result.records["dig0"].shape == (4, 2, 2, 8)
    np.testing.assert_allclose(result.records["dig0"][:, 1, 0, 0], [-0.2, 0.2, -0.2, 0.2], rtol=1e-6)


def test_rack_whose_file_names_no_groups_plays(start, tmp_path) -> None:
    from fake_server import LAB

    (tmp_path / "lab.toml").write_text(LAB.read_text().replace('group = "rack"\n', ""))
    with connect(start(lab=tmp_path / "lab.toml").address) as lab:
        assert lab.run(json.dumps({"bits": 2}), shots=1000).result(20).counts == {"00": 500, "11": 500}
        assert {name: one.row["group"] for name, one in lab.instruments.items() if "0" not in one.row["group"]} == {
            "lo_drive": "lo_drive", "lo_readout": "lo_readout"
        }  # fmt: skip


def test_same_program_again_sends_no_waveform_bytes(lab) -> None:
    program = json.dumps({"level": 77, "waveform_samples": 64})
    first = lab.run(program, shots=10).result(20).content["uploaded_bytes"]
    assert first["awg0"] == first["awg1"] == 128
    again = lab.run(program, shots=10).result(20).content["uploaded_bytes"]
    assert sum(again.values()) == 0


def test_every_run_plays_at_the_calibrated_carriers_and_biases(start) -> None:
    server = start()
    with connect(server.address) as lab:
        lab.run(json.dumps({}), shots=10).result(20)
        lo = lab.instruments["lo_drive"]
        assert lo.get("frequency_hz") == lab.description.instruments["lo_drive"].frequency_hz
        assert lo.get("output_on") is True
        lab.run(json.dumps({"level": 2}), shots=10).result(20)
        made = [call.partition("=")[0] for call in sets(lo)]
        assert len(set(made)) == len(made), "what is set already is not sent again"
        calibrated_hz = lo.get("frequency_hz")
        for change in (lambda: lo.set("frequency_hz", 5.2e9), lambda: lo.raw("FREQ 5.2 GHz")):
            change()
            assert lo.get("frequency_hz") == 5.2e9
            lab.run(json.dumps({}), shots=10).result(20)
            assert lo.get("frequency_hz") == lo.get("frequency_hz", cached=True) == calibrated_hz
        number = lab.write_snapshot("qpu0", {"qubits": {"q1": {"flux": {"offset_v": 0.125}}}}, "bias")
        assert number == 1
        assert lab.calibration("qpu0").qubits["q1"].flux.offset_v == 0.125
        result = lab.run(json.dumps({}), shots=10).result(20)
        assert result.content["snapshot"] == 1
        assert lab.instruments["dc0"].get("output2_voltage_v") == 0.125


def test_what_is_set_under_a_lease_stays_for_the_runs_of_its_holder(server, lab) -> None:
    lo = lab.instruments["lo_drive"]
    lab.run(json.dumps({}), shots=10).result(20)
    calibrated = lo.get("frequency_hz")
    with lab.lease("lo_drive"):
        for frequency_hz in (5.2e9, 5.3e9):
            lo.set("frequency_hz", frequency_hz)
            lo.set("output_on", False)
            lab.run(json.dumps({}), shots=10).result(20)
            assert lo.get("frequency_hz") == frequency_hz and lo.get("output_on") is False
    lab.run(json.dumps({}), shots=10).result(20)
    assert lo.get("frequency_hz") == calibrated and lo.get("output_on") is True


def test_setting_that_was_refused_is_not_kept_for_the_runs_of_a_lease(lab) -> None:
    lo = lab.instruments["lo_drive"]
    lab.run(json.dumps({}), shots=10).result(20)
    n_set = len(sets(lo))
    lo.call("break_at", "bug", "set output_on")
    with lab.lease("lo_drive"):
        with pytest.raises(InternalError, match="a bug in a driver"):
            lo.set("output_on", False)
        lab.run(json.dumps({}), shots=10).result(20)
    assert "set output_on=True" in sets(lo)[n_set + 1 :]


def test_what_was_set_by_hand_is_not_kept_over_a_lost_link(lab) -> None:
    lo = lab.instruments["lo_drive"]
    calibrated = lo.get("frequency_hz")
    lo.call("break_at", "error", "get power_dbm")
    with lab.lease("lo_drive"):
        lo.set("frequency_hz", 5.2e9)
        with pytest.raises(DeviceError):
            lo.get("power_dbm")
        until = time.monotonic() + 60
        while lo.row["link"] != "up":
            assert time.monotonic() < until
        lab.run(json.dumps({}), shots=10).result(20)
        assert lo.get("frequency_hz") == calibrated


def test_run_that_was_made_safe_at_its_end_is_not_taken_for_set(lab) -> None:
    lo = lab.instruments["lo_drive"]
    job = lab.run(json.dumps({"n_points": 20, "block_s": 0.05}), shots=10)
    wait_for(job, "playing")
    lab.safe()
    with pytest.raises(ScheduleError, match="safe state"):
        job.result(20)
    lab.run(json.dumps({}), shots=10).result(20)
    assert lo.get("output_on") is True


def test_parameters_that_the_holder_of_a_lease_does_not_set_are_brought_as_ever(lab) -> None:
    lo = lab.instruments["lo_readout"]
    lo.set("output_on", False)
    with lab.lease("lo_readout"):
        lo.set("power_dbm", 2.0)
        lab.run(json.dumps({}), shots=10).result(20)
        assert lo.get("output_on") is True and lo.get("power_dbm") == 2.0
    lab.run(json.dumps({}), shots=10).result(20)
    assert lo.get("power_dbm") == lab.description.instruments["lo_readout"].power_dbm


def test_job_that_is_compiled_waits_for_a_lease_that_came_meanwhile(server, lab) -> None:
    first = lab.run(json.dumps({"block_s": 1.0}), shots=10)
    second = lab.run(json.dumps({"level": 8}), shots=10)
    wait_for(second, "compiled")
    with connect(server.address) as holder, holder.lease("lo_drive"):
        assert first.result(20)
        wait_for(second, "queued")
        assert holder.run(json.dumps({"level": 9}), shots=10).result(20)
        assert second.row["run"] is None
    assert second.result(20)


@pytest.mark.parametrize("apart", [False, True])
def test_setting_the_carrier_of_a_run_that_plays_is_refused(start, tmp_path, apart: bool) -> None:
    from fake_server import LAB

    text = LAB.read_text()
    if apart:
        head, _, rest = text.partition("[instruments.lo_drive]")
        text = head + "[instruments.lo_drive]" + rest.replace('group = "rack"\n', "", 1)
    path = tmp_path / "lab.toml"
    path.write_text(re.sub(r"^output\.5 = (.*)$", r"output.5 = \1\noutput.9 = \1", text, flags=re.M))
    with connect(start(lab=path).address) as lab:
        assert lab.instruments["lo_drive"].row["group"] == ("lo_drive" if apart else "rack")
        lo, free = lab.instruments["lo_drive"], lab.instruments["dc0"]
        job = lab.run(json.dumps({"n_points": 20, "block_s": 0.1}), shots=10)
        for event in lab.events(f"progress.{job.id}", timeout_s=20):
            if event.body["batch_points"] > 1:
                break
        run = job.row["run"]
        for refused in (lambda: lo.set("frequency_hz", 5.2e9), lambda: lo.raw("FREQ 5.2 GHz")):
            with pytest.raises(LeaseError, match=f"lo_drive is set for run {run}, which plays"):
                refused()
        assert float(lo.raw("FREQ?")) == lo.get("frequency_hz")
        free.set("output9_voltage_v", 0.1)
        with pytest.raises(LeaseError, match="dc0 is set for run"):
            free.set("output1_voltage_v", 0.1)
        job.result(20)
        lo.set("frequency_hz", 5.2e9)


def test_compile_error_is_the_clients(lab) -> None:
    with pytest.raises(CompileError, match="a pulse is too long") as caught:
        lab.run(json.dumps({"fail": "a pulse is too long"}), shots=10).result(20)
    assert caught.value.details["job"] > 0


def test_next_job_is_compiled_while_this_one_plays(lab) -> None:
    first = lab.run(json.dumps({"block_s": 1.0, "level": 5}), shots=10)
    second = lab.run(json.dumps({"level": 6}), shots=10)
    wait_for(second, "compiled")
    assert first.state in ("uploading", "playing")
    assert second.result(20)


@pytest.mark.parametrize(
    ("program", "state"),
    [
        ({"spin_s": 20}, "compiling"),
        ({"block_s": 20}, "playing"),
        ({"n_points": 2000, "block_s": 0.01}, "playing"),
    ],
)
def test_cancelled_job_leaves_every_output_safe(lab, program: dict, state: str) -> None:
    job = lab.run(json.dumps(program), shots=10)
    wait_for(job, state)
    begin = time.monotonic()
    job.cancel()
    with pytest.raises(JobCancelledError):
        job.result(20)
    assert time.monotonic() - begin < 3
    assert job.state == "cancelled"
    for name in lab.instruments:
        assert lab.instruments[name].call("history")[-1] in ("safe", "stop"), name
        assert "safe" in lab.instruments[name].call("history")[-2:], name
    assert lab.run(json.dumps({}), shots=10).result(20).counts == {"0": 5, "1": 5}


def test_finished_points_of_a_cancelled_job_are_kept_and_marked(lab) -> None:
    job = lab.run(json.dumps({"n_points": 500, "block_s": 0.02}), shots=10)
    for event in lab.events(f"progress.{job.id}", timeout_s=20):
        if event.body["batch_points"] > 5:
            break
    job.cancel()
    with pytest.raises(JobCancelledError):
        job.result(20)
    result = job.result(20, partial=True)
    done = result.content["points_done"]
    assert 5 < done < 500 and result.partial and result.state == "cancelled"
    assert [sum(counts.values()) for counts in result.counts] == [10] * done + [0] * (500 - done)


def test_job_cancelled_while_its_records_are_written_leaves_every_output_safe(lab) -> None:
    events = lab.events("job.", timeout_s=20)
    settled = threading.Thread(target=next, args=(events,), daemon=True)
    settled.start()
    while settled.is_alive():
        lab.run(json.dumps({}), shots=10).result(20)
    job = lab.run(json.dumps({"n_points": 10, "samples": 20_000}), shots=100, keep_records=True)
    for event in events:
        if event.body["job"] == job.id and event.body["state"] == "reading":
            break
    job.cancel()
    wait_for(job, "cancelled", "done")
    # Every shot was there when the cancel came: the result is whole, or marked partial; outputs are safe either way.
    result = job.result(20, partial=True)
    assert result.state == "done" or result.partial
    assert [sum(counts.values()) for counts in result.counts] == [100] * 10
    for name in lab.instruments:
        assert "safe" in lab.instruments[name].call("history")[-2:], name


def test_job_that_plays_is_listed_as_playing_through_all_of_its_batches(lab, server) -> None:
    job = lab.run(json.dumps({"block_s": 0.3, "batches": 3}), shots=12)
    wait_for(job, "playing")
    assert [row["id"] for row in lab.jobs(state="playing")] == [job.id]
    assert lab.jobs(state="uploading") == []
    seen = set()
    while job.state != "done":
        seen.add(job.state)
    assert seen <= {"playing", "reading", "done"}


def test_queued_job_is_cancelled_while_another_plays_on(lab) -> None:
    first = lab.run(json.dumps({"block_s": 1.0}), shots=10)
    lab.run(json.dumps({"level": 8}), shots=10)
    third = lab.run(json.dumps({"level": 9}), shots=10)
    third.cancel()
    with pytest.raises(JobCancelledError):
        third.result(20)
    assert third.row["folder"] is None
    assert first.result(20).counts == {"0": 5, "1": 5}


def test_result_that_takes_too_long_is_a_schedule_error(lab) -> None:
    job = lab.run(json.dumps({"block_s": 1.0}), shots=10)
    with pytest.raises(ScheduleError, match=r"after 0\.1 s"):
        job.result(0.1)
    assert job.result(20)


def test_events_tell_the_way_of_a_job(server, lab) -> None:
    events = lab.events("job.", timeout_s=10)
    with connect(server.address) as other:
        next(iter([other.ping()]))
        for _ in range(50):
            job = other.run(json.dumps({"level": 11}), shots=10)
            job.result(20)
            states = []
            for event in events:
                if event.body["job"] == job.id:
                    states.append(event.body["state"])
                    if states[-1] == "done":
                        break
            if states[0] == "queued":
                break
    assert states == ["queued", "compiling", "compiled", "uploading", "playing", "reading", "done"]
