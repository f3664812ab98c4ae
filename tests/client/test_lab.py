"""The sync client: what it takes, and what it says when nobody answers."""

from __future__ import annotations

import threading

import pytest

import qctl.client
from qctl.errors import RequestError, WireError


def test_silence_is_a_wire_error_that_says_what_to_do() -> None:
    with pytest.raises(WireError, match=r"did not answer within 0\.2 s; is `qctl serve` running"):
        qctl.client.connect("tcp://127.0.0.1:9", timeout_s=0.2)


def test_what_is_no_program_is_refused(lab) -> None:
    with pytest.raises(RequestError, match="a int is no program"):
        lab.run(3)
    with pytest.raises(RequestError, match=r"instrument\.parameter"):
        lab.set_many({"lo_drive": 3})


def test_several_threads_share_a_client(lab) -> None:
    wrong: list[object] = []

    def work(name: str, value: float) -> None:
        for _ in range(20):
            lab.instruments[name].set("power_dbm", value)
            if lab.instruments[name].get("power_dbm") != value:
                wrong.append(name)

    threads = [threading.Thread(target=work, args=item) for item in (("lo_drive", 1.0), ("lo_readout", 2.0))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_lab_describes_itself(lab) -> None:
    assert lab.name == "transmon5"
    assert list(lab.processors) == ["qpu0"]
    assert lab.instruments["dig0"].row["link"] == "up"
    assert {"name", "unit", "label"} <= set(lab.instruments["lo_drive"].parameters[0])
