"""The table of a QICK board is what its soccfg says; a key that is missing is refused with the board's version."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from qick_boards import board

from qctl.errors import VersionError
from qctl.instruments.capability import limit
from qctl.instruments.qick.capabilities import capability_of_board


def test_memories_and_clocks_are_the_boards() -> None:
    v1, v2 = (capability_of_board(board(kind)) for kind in ("v1", "v2"))
    assert (limit(v1, "instructions.count").most, limit(v2, "instructions.count").most) == (8192, 4096)
    assert (limit(v1, "scope.samples").most, limit(v2, "scope.records").most) == (1024, 8192)
    assert limit(v2, "waveforms.count").most == 1024 and v1.waveforms is not None and v1.waveforms.count is None
    assert limit(v2, "waveforms.samples").most == 65_536
    rates = {name: clock.hz.low for name, clock in v2.clocks.items()}
    assert rates["timing"] == pytest.approx(430.08e6) and rates["generator0"] == pytest.approx(599.04e6)
    assert rates["generator1"] == pytest.approx(430.08e6) and rates["readout0"] == pytest.approx(307.2e6)
    assert limit(v2, "channels.generator0.frequency").resolution == pytest.approx(9584.64e6 / 2**32)
    assert v2.channels["generator0"].bits == 16


def test_a_multiplexed_generator_has_no_envelopes_and_no_phase() -> None:
    """Keys of the multiplexed ZCU216 of qibosoq's tests (0.2.381)."""
    soccfg = board("v2")
    mux = {"type": "axis_sg_mux4_v2", "n_tones": 4, "has_phase": False, "maxlen": 0, "maxv": 32_766}
    soccfg["gens"].append({**mux, "fs": 6881.28, "f_fabric": 430.08, "f_dds": 1720.32, "b_dds": 32})
    table = capability_of_board(soccfg)
    assert table.channels["generator2"].phase is None and table.channels["generator1"].phase is not None
    assert limit(table, "waveforms.samples").most == 65_536
    assert limit(table, "channels.generator2.frequency").high == pytest.approx(860.16e6)


def _keys(found: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(found, dict):
        return [p for key, part in found.items() for p in [(*path, key), *_keys(part, (*path, key))]]
    if isinstance(found, list):
        return [p for k, part in enumerate(found) for p in _keys(part, (*path, k))]
    return []


UNUSED = {"board", "sw_version", "type", "fs", "b_phase"}


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_each_key_that_is_missing_or_of_another_kind_is_refused_with_the_version(kind: str) -> None:
    whole = board(kind)
    n_refused = 0
    for path in _keys(whole):
        if path[-1] in UNUSED and path[0] != "tprocs":
            continue
        for change in ("drop", "none", "text"):
            soccfg = deepcopy(whole)
            at: Any = soccfg
            for key in path[:-1]:
                at = at[key]
            if change == "drop":
                del at[path[-1]]
            else:
                at[path[-1]] = None if change == "none" else "many"
            with pytest.raises(
                VersionError, match=rf"ZCU216 with QICK 0\.2\.3\d\d: .*{path[-1]}.*|tProcessor 'many' is none"
            ):
                capability_of_board(soccfg)
            n_refused += 1
    assert n_refused > 40


def test_what_is_no_configuration_is_refused() -> None:
    for wrong in ([], "x", {}, {"board": "ZCU216", "tprocs": []}):
        with pytest.raises(VersionError):
            capability_of_board(wrong)  # type: ignore[arg-type]
