"""Drive a QICK board through its Pyro server: upload what changed, start, and stream sums.

The board is its processor's trigger: `fire` starts its tProcessor, whose program loops over all shots by itself.

Source: qick 0.2.436 (``qick.py``: QickSoc, ``qick_asm.py``: config_all, prepare_round, finish_round; ``streamer.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.device import Parameter
from qctl.errors import LimitError, RefusedError, RequestError
from qctl.instruments.all_points import plays_all
from qctl.instruments.qick.agreement import check_board
from qctl.instruments.qick.board import Board, board_of
from qctl.instruments.qick.board_link import BoardLink, open_link
from qctl.instruments.qick.body import QickBody
from qctl.instruments.qick.peaks import peaks_of
from qctl.instruments.qick.results import gathered
from qctl.instruments.qick.upload import Held, upload
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram

__all__ = ["QickBoard", "open_driver"]

_COUNTER = 1
"""The shot counter that a board's server reads: register s12; of a tProcessor v1 this address of data memory."""
_LOOK_S = 0.02
"""How long results are waited for at a time."""
_CLOSE = 1e-6
_PARAMETERS = (
    Parameter("identity", "Identity", "", str, False),
    Parameter("clocks_locked", "Converters' clocks are locked", "", bool, False),
    Parameter("n_shots", "Shots that the program has counted", "", int, False),
)


@dataclass(slots=True)
class QickBoard:
    """A board whose tProcessor plays a program's points by itself.

    Attributes
    ----------
    link : BoardLink
        To its server.
    instrument : Instrument
        Its entry in lab.toml.
    board : Board
        What it says of itself.
    """

    link: BoardLink
    instrument: Instrument
    board: Board
    _body: QickBody | None = None
    _held: Held = field(default_factory=Held)
    _parts: dict[int, list[NDArray[np.int64]]] = field(default_factory=dict)
    _n_shots: int = 0

    # readings ---------------------------------------------------------------------------------------

    def identify(self) -> str:
        """Return maker, board, date of the firmware and version of QICK."""
        said = self.board.soccfg
        return f"QICK,{said['board']},{said.get('fw_timestamp', '')},{said.get('sw_version', '')}"

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` knows."""
        return _PARAMETERS

    def get(self, name: str) -> Any:
        """Ask the board for one value."""
        if name == "identity":
            return self.identify()
        if name == "clocks_locked":
            return self.locked()
        if name == "n_shots":
            return int(self.link.call("get_tproc_counter", _COUNTER))
        raise RequestError(f"{self.link.name} has no parameter {name!r}", instrument=self.link.name)

    def set(self, name: str, value: Any) -> None:
        """Refuse: programs set all that a board has."""
        if name not in {one.name for one in _PARAMETERS}:
            raise RequestError(f"{self.link.name} has no parameter {name!r}", instrument=self.link.name)
        raise RequestError(f"{self.link.name}: {name} can't be set", instrument=self.link.name)

    def locked(self) -> bool:
        """Return True when the clocks of the board's converters are locked."""
        return bool(self.link.call("clocks_locked"))

    def beat(self) -> None:
        """Ask whether the clocks are locked: who it is was asked when it was opened."""
        self.locked()

    # programs ---------------------------------------------------------------------------------------

    def load(self, program: DeviceProgram) -> int:
        """Upload what the board does not hold yet; return the bytes of envelopes and of wave or data memory sent.

        Raises
        ------
        RefusedError
            If the board refuses anything; its words are in the error.
        LimitError
            If an output would leave its limits; nothing was sent.
        """
        try:
            body = QickBody.from_bytes(program.body)
        except msgspec.MsgspecError as error:
            raise RequestError(f"{self.link.name}: the body is no program of its family: {error}") from error
        self._check_limits(body, program.blobs)
        self._body = None
        self._stop()
        n_bytes = upload(self.link, self.board, body, program.blobs, self._held)
        self._body = body
        return n_bytes

    def _check_limits(self, body: QickBody, blobs: Mapping[str, NDArray[np.generic]]) -> None:
        for number, peak in peaks_of(self.board, body, blobs).items():
            output = self.instrument.output.get(number + 1)
            if output is None:
                raise LimitError(f"{self.link.name}: lab.toml has no output {number + 1}", instrument=self.link.name)
            peak_v = peak * (output.amplitude_vpp or 0.0) / 2
            low, high = output.limits_v
            if not (low * (1 + _CLOSE) <= -peak_v and peak_v <= high * (1 + _CLOSE)):
                raise LimitError(
                    f"{self.link.name}: output {number + 1} would reach {peak_v:.4g} V, outside [{low:g}, {high:g}] V",
                    instrument=self.link.name,
                )

    # runs -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Set the buffers up, and the processor to its beginning."""
        body = self._loaded()
        for one in body.readouts:
            self.link.call("config_avg", one.number, address=0, length=one.length)
            self.link.call("enable_buf", one.number, enable_avg=True, enable_buf=False)
        self.link.call("clear_tproc_counter", _COUNTER)
        self.link.call("start_src", "internal")
        self._parts, self._n_shots = {one.number: [] for one in body.readouts}, 0

    def select(self, point: int) -> None:
        """Refuse: all points are played in each shot."""
        raise plays_all(self.link.name, point)

    def fire(self) -> None:
        """Start the program."""
        body = self._loaded()
        if not body.readouts:
            self.link.call("start_tproc")
            return
        numbers = [one.number for one in body.readouts]
        self.link.call(
            "start_readout", body.n_shots, counter_addr=_COUNTER, ch_list=numbers,
            reads_per_shot=[len(one.slots) for one in body.readouts],
        )  # fmt: skip

    def wait(self, timeout_s: float) -> None:
        """Return: `finished` says when all shots are over."""

    def finished(self) -> bool:
        """Take what has come of results; return whether it is all.

        Raises
        ------
        RefusedError
            If the board's own reader failed, in its words.
        """
        body = self._loaded()
        if not body.readouts:
            return int(self.link.call("get_tproc_counter", _COUNTER)) >= body.n_shots
        if self._n_shots < body.n_shots:
            for n_shots, (sums, _) in self.link.call("poll_data", totaltime=_LOOK_S, timeout=_LOOK_S):
                for one, part in zip(body.readouts, sums, strict=True):
                    self._take(one.number, part, n_shots * len(one.slots))
                self._n_shots += n_shots
        return self._n_shots >= body.n_shots

    def _take(self, number: int, part: Any, wanted: int) -> None:
        values = np.asarray(part, np.int64)
        if values.shape != (wanted, 2):
            text = f"{self.link.name}: readout {number} gave results of shape {values.shape}, not ({wanted}, 2)"
            raise RefusedError(text, instrument=self.link.name)
        self._parts[number].append(values)

    def integrated(self) -> Mapping[tuple[str, str], NDArray[np.complex128]]:
        """Return what was measured, by port and result: (n_records, n_columns) in volts."""
        body = self._loaded()
        if self._n_shots != body.n_shots and body.readouts:
            text = f"{self.link.name}: results of {self._n_shots} shots came, not of {body.n_shots}"
            raise RefusedError(text, instrument=self.link.name)
        sums = {number: np.concatenate(parts) for number, parts in self._parts.items()}
        inputs = self.instrument.input
        return gathered(body, sums, {one.number: inputs[one.number + 1].range_v for one in body.readouts})

    def stop(self) -> None:
        """Stop the processor; leave the program loaded."""
        self._stop()

    def _stop(self) -> None:
        self.link.call("start_src", "internal")
        # A v1 stops only when its program memory is written over: qick's server does that, and writes the program anew.
        self.link.call("stop_tproc", lazy=self.board.version == 2)

    def safe(self) -> None:
        """Stop, and have every generator play zeros."""
        self.forget()
        self._stop()
        self.link.call("reset_gens")

    def forget(self) -> None:
        """Trust nothing that is known of the board: after somebody else has used it."""
        self._body, self._held = None, Held()

    def close(self) -> None:
        """End the session; the board stays as it is."""
        self.link.close()

    def _loaded(self) -> QickBody:
        if self._body is None:
            raise RequestError(f"{self.link.name}: no program is loaded", instrument=self.link.name)
        return self._body


def open_driver(instrument: Instrument, lab: Lab) -> QickBoard:
    """Open the link, hold the board against lab.toml, and stop what it plays.

    Raises
    ------
    VersionError
        If it is another board than the one that programs are compiled for, or its firmware is not known.
    DeviceError
        If it doesn't answer.
    """
    meant = board_of(instrument.board, instrument.name, instrument.model)
    if not any(getattr(one, "trigger", None) == instrument.name for one in lab.processors.values()):
        raise RequestError(
            f"{instrument.name}: a QICK board is started by its own server: make it its processor's trigger"
        )
    link = open_link(instrument)
    try:
        check_board(instrument.name, link.call("get_cfg"), meant.soccfg)
        box = QickBoard(link, instrument, meant)
        box.stop()
    except BaseException:
        link.close()
        raise
    return box
