"""`update_firmware`: it is done when the new firmware says so, and says by name what went wrong otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from test_process import Run, firmware, image
from test_update import BOARD, key

from qctl.errors import DeviceError
from qctl.firmware_io import sequencer
from qctl.firmware_io.controller import Controller
from qctl.firmware_io.handshake import version_of
from qctl.firmware_io.images import build_image
from qctl.firmware_io.kinds import Kind
from qctl.firmware_io.sequencer import update_firmware
from qctl.firmware_io.sequencer_messages import BootStatus
from qctl.firmware_io.socket_ports import TcpPort

__all__ = ["firmware", "image"]


@pytest.fixture
def controller(firmware: Run) -> Iterator[Controller]:
    host, port = firmware("--tcp", "0")[0].split(":")
    found = Controller(
        "ctl0", lambda: TcpPort(host, int(port)), "qctl,sequencer", asks=Kind.SEQUENCER_CAPABILITIES, retry_s=0.5
    )
    yield found
    found.close()


def test_three_updates_in_a_row_are_each_confirmed_by_the_new_firmware(controller: Controller) -> None:
    for n in range(1, 4):
        update_firmware(controller, build_image(bytes([n]) * 100, 0x02030000 + n, BOARD, key(), n))
        status: BootStatus = controller.call(Kind.BOOT_STATUS)
        assert (status.confirmed, status.n_boots, status.n_rolled_back) == (1, n + 1, 0)
        assert (status.version_0, status.version_1)[status.bank] == 0x02030000 + n
        assert controller.identification is not None
        assert controller.identity.split(",")[3] == version_of(controller.identification) == f"2.3.{n}"


class Script:
    """A controller that answers boot_status from a list."""

    name, identification = "ctl0", None

    def __init__(self, *statuses: BootStatus) -> None:
        self.left = list(statuses)
        self.asked: list[Kind] = []

    def open(self) -> None: ...

    def forget(self) -> None: ...

    def call(self, kind: Kind, value: Any = None) -> Any:
        self.asked.append(kind)
        return self.left.pop(0) if kind is Kind.BOOT_STATUS else None


def status_of(bank: int, pending: int, confirmed: int, n_boots: int) -> BootStatus:
    return BootStatus(bank, pending, confirmed, 1, 0, 0, n_boots, 0)


BEFORE = status_of(0, 0, 1, 5)  # no image in either bank but the pending one, which says bank 0 as well
ON_TRIAL = status_of(0, 0xFF, 0, 6)


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ((status_of(0, 0xFF, 1, 6),), r"ctl0 came back with bank 0 and no trial running: the image in bank 0 did not"),
        ((status_of(1, 0xFF, 0, 6),), r"ctl0 came back with bank 1"),
        ((BEFORE,), r"ctl0 did not reset within 0 s of reboot: it has booted 5 times as before"),
        ((ON_TRIAL, ON_TRIAL), r"ctl0 did not keep the image in bank 0: it runs bank 0, confirmed 0, after confirm"),
    ],
)
def test_an_update_that_fails_says_where(
    monkeypatch: pytest.MonkeyPatch, after: tuple[BootStatus, ...], words: str
) -> None:
    monkeypatch.setattr(sequencer, "upload", lambda *_: 0)
    monkeypatch.setattr(sequencer, "_RESET_S", 0.0)
    controller = Script(BEFORE, *after)
    with pytest.raises(DeviceError, match=words):
        update_firmware(controller, b"")  # type: ignore[arg-type]
    assert (Kind.CONFIRM in controller.asked) is (after[0] == ON_TRIAL)


def test_the_firmware_before_that_still_answers_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer, "upload", lambda *_: 0)
    monkeypatch.setattr(sequencer, "_PAUSE_S", 0.0)
    controller = Script(BEFORE, BEFORE, BEFORE, ON_TRIAL, status_of(0, 0xFF, 1, 6))
    update_firmware(controller, b"")  # type: ignore[arg-type]
    assert controller.left == []
