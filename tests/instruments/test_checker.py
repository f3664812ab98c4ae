"""The checker over all tables: each limit passes at its ends and not beyond, and what is refused says what to do."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from qick_boards import board

from qctl.errors import CompileError, RequestError, TimingError
from qctl.instruments import registry
from qctl.instruments.capability import Capability, Range, limit, limits, replaced
from qctl.instruments.checker import Asked, Pulses, check, check_number, check_pace, refuse, usage
from qctl.instruments.qick.capabilities import capability_of_board

TABLES = {**registry.capabilities(), **{f"qick-{kind}": capability_of_board(board(kind)) for kind in ("v1", "v2")}}
LEAVES = [(name, path) for name, table in TABLES.items() for path, _ in limits(table)]
CHANNELS = [(name, channel) for name, table in TABLES.items() for channel in table.channels]


def whole(within: Range) -> bool:
    return all(x is None or isinstance(x, int) for x in (within.low, within.high, within.step))


def beyond(within: Range, end: Any, sign: int) -> Any:
    """Return the next value outside: one more for counts, the next float for the rest."""
    return end + sign * (within.step or 1) if whole(within) else math.nextafter(float(end), sign * math.inf)


def middle(within: Range) -> Any:
    """Return a value that is inside, on the grid, and no end if there is another."""
    step = within.step or (1 if whole(within) else 0)
    if within.choices:
        return within.choices[0]
    if within.low is not None:
        return -(-within.low // step) * step if step else within.low
    return within.high if within.high is not None else 0


@pytest.mark.parametrize(("model", "path"), LEAVES)
def test_each_limit_passes_at_its_ends_and_fails_beyond(model: str, path: str) -> None:
    table = TABLES[model]
    within = limit(table, path)
    for end, sign in ((within.low, -1), (within.high, 1)):
        if end is None:
            continue
        if within.step is None or Fraction(end) % Fraction(within.step) == 0:
            check_number(table, path, end)
            check_number(table, path, np.array([middle(within), end]))
        for bad in (beyond(within, end, sign), np.array([middle(within), beyond(within, end, sign)])):
            if isinstance(bad, np.ndarray) and abs(beyond(within, end, sign)) >= 2**63:
                continue  # beyond 64 bits there is no array
            with pytest.raises(CompileError) as found:
                check_number(table, path, bad, "q0.drive pulse")
            message = found.value.message
            assert message.startswith("q0.drive pulse") and model in message and ": " in message.split(model)[1]
            assert found.value.details["limit"] == path
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(CompileError, match="not a finite number"):
            check_number(table, path, bad)
        with pytest.raises(CompileError, match="not a finite number"):
            check_number(table, path, np.array([float(middle(within)), bad]))


@pytest.mark.parametrize(
    ("model", "path"), [leaf for leaf in LEAVES if limit(TABLES[leaf[0]], leaf[1]).step not in (None, 1)]
)
def test_what_is_off_the_grid_is_refused_with_its_neighbours(model: str, path: str) -> None:
    table = TABLES[model]
    within = limit(table, path)
    assert within.step is not None
    good = middle(within) + 2 * within.step
    check_number(table, path, good)
    for bad in (good + within.step / 2, np.array([good, good + within.step / 2])):
        with pytest.raises(CompileError, match="whole multiple") as found:
            check_number(table, path, bad)
        assert f"{float(good + within.step):.12g}" in found.value.message


@pytest.mark.parametrize("model", TABLES)
def test_every_number_has_a_source_and_its_doubts_are_words(model: str) -> None:
    for path, within in limits(TABLES[model]):
        ends = (within.low, within.high, within.step, within.resolution)
        if any(x is not None for x in ends) and not (path.endswith(".start") or path == "loops.depth"):
            assert within.source, path
        assert set(within.unverified.split()) <= {"low", "high", "step", "all"}, path
        if within.source == "data sheet" or within.source == "general knowledge":
            assert within.unverified or path.endswith(("amplitude", "number")), path
    assert TABLES[model].sources


def pulses(model: str, channel: str, **changes: Any) -> Pulses:
    """Return two pulses at the shortest length, as far apart as the table wants."""
    table = TABLES[model]
    one = table.channels[channel]
    length = max(middle(one.length), 1)
    grid = int(one.start.step or 1)
    far = [int(gap.ticks.low or 0) + (length if gap.since == "end" else 0) for gap in table.gaps.values()]
    apart = -(-max([length, *far]) // grid) * grid
    made = Pulses(
        channel, np.array([0, apart]), np.array([length, length]), label="gaussian pulse {} on q0.drive".format
    )
    return replace(made, **changes)


@pytest.mark.parametrize(("model", "channel"), CHANNELS)
def test_pulses_of_every_channel_at_and_beyond_their_limits(model: str, channel: str) -> None:
    table = TABLES[model]
    one = table.channels[channel]
    good = pulses(model, channel)
    check(table, Asked([good]))
    for name in ("length", "amplitude", "frequency", "phase", "number", "start"):
        within = getattr(one, name)
        for end, sign in ((within.low, -1), (within.high, 1)) if within is not None else ():
            if end is None or (name == "start" and sign > 0):
                continue
            bad = beyond(within, end, sign)
            values = np.array([middle(within), bad])
            if name == "start":
                values = np.array([bad, int(good.start[1])])
            with pytest.raises(CompileError, match=r"gaussian pulse [01] on q0\.drive"):
                check(table, Asked([replace(good, **{name: values})]))
        if within is None:
            with pytest.raises(CompileError, match="has none"):
                check(table, Asked([replace(good, **{name: np.array([0.0, 0.5])})]))


@pytest.mark.parametrize(
    ("model", "channel"), [one for one in CHANNELS if not TABLES[one[0]].channels[one[1]].overlaps]
)
def test_pulses_on_top_of_each_other_are_refused_unless_they_are_on_two_lines(model: str, channel: str) -> None:
    table = TABLES[model]
    grid = int(table.channels[channel].start.step or 1)
    good = pulses(model, channel)
    long = good.length + (-(-grid // int(table.channels[channel].length.step or 1))) * int(
        table.channels[channel].length.step or 1
    )
    if long.max() > table.channels[channel].length.limits.high:
        pytest.fail("the channel is too short for this test")
    colliding = replace(good, length=long, start=np.array([0, 0]))
    with pytest.raises(
        TimingError, match=r"pulse 1 on q0.drive starts at 0 .*while gaussian pulse 0.* until .*delay it by"
    ):
        check(table, Asked([colliding]))
    check(table, Asked([replace(colliding, line=np.array([0, 1]))]))


@pytest.mark.parametrize(("model", "name"), [(m, name) for m, table in TABLES.items() for name in table.gaps])
def test_gaps_pass_at_their_bound_and_are_refused_one_tick_below(model: str, name: str) -> None:
    table = TABLES[model]
    gap = table.gaps[name]
    channel = (
        next(c for c, one in table.channels.items() if c in ("input", "line", "tone"))
        if gap.before != "any" or "output" not in table.channels
        else "output"
    )
    one = table.channels[channel]
    least, length = int(gap.ticks.low or 0), max(middle(one.length), 1)
    assert length <= least
    op = "play" if gap.before == "any" else gap.before
    at = Pulses(channel, np.array([0, least]), np.array([length, length]), ops=(op,))
    check(table, Asked([at]))
    below = replace(at, start=np.array([0, least - 1]), line=np.array([3, 3]))
    if one.overlaps or length < least:
        with pytest.raises(TimingError, match=rf"pulse 1 comes {least - 1} .*needs {least} .*delay it by 1 "):
            check(table, Asked([below]))
    check(table, Asked([replace(below, line=np.array([3, 4]))]))


def test_gap_between_different_operations_counts_from_the_last_of_its_line() -> None:
    table = TABLES["qblox-qrm"]
    rows = Pulses(
        "input", np.array([0, 10, 300, 305]), np.full(4, 4), op=np.array([1, 0, 1, 0]), ops=("play", "acquire"),
    )  # fmt: skip
    check(table, Asked([rows]))
    with pytest.raises(TimingError, match="pulse 2 comes 299 ns after the start of pulse 0"):
        check(table, Asked([replace(rows, start=np.array([0, 10, 299, 305]))]))


def test_the_checker_looks_at_a_million_pulses_at_once() -> None:
    n = 1_000_000
    many = Pulses("output", np.arange(n) * 100, np.full(n, 20), np.full(n, 0.1), np.full(n, 1e8), np.zeros(n))
    check(TABLES["qblox-qcm"], Asked([many]))
    assert many.amplitude is not None
    many.amplitude[777_777] = np.nan
    with pytest.raises(CompileError, match="pulse 777777: amplitude on output = nan"):
        check(TABLES["qblox-qcm"], Asked([many]))


@pytest.mark.parametrize(
    ("model", "path", "value", "words"),
    [
        ("zurich-hdawg", "channels.output.length", 16, "lengthen it to 32 samples, or set pad='zero'"),
        ("zurich-hdawg", "channels.output.length", 33, "lengthen it to 48 samples, or set pad='zero'"),
        ("zurich-hdawg", "table.entries", 1025, "table entries = 1025 is over 1024 entries.*sweep fewer points"),
        ("zurich-shfsg", "waveforms.samples", 98_320, "shorten the waveforms"),
        ("qblox-qrm", "instructions.count", 12_289, "use loops and sweeps"),
        ("qblox-qrm", "bins", 3_000_001, "average the shots"),
        ("qblox-qcm", "wait", 65_536, "split it into a loop of shorter waits"),
        ("qblox-qcm", "channels.output.amplitude", 2.51, "lower it to 2.5 V at most, or take attenuation out"),
        ("qblox-qcm", "channels.output.frequency", 5.1e8, "move the LO nearer to the tone"),
        ("pulser-analog", "settings.atoms", 81, "81 atoms is over 80|atoms = 81 is over 80 atoms"),
        ("keysight-33600a", "channels.output.length", 31, r"\(data sheet, all unverified\): lengthen it to 32 samples"),
    ],
)
def test_refusals_say_what_to_do(model: str, path: str, value: float, words: str) -> None:
    with pytest.raises(CompileError, match=words):
        refuse(
            TABLES[model],
            path,
            value,
            "gaussian pulse 3 on q0.drive",
            TABLES[model].channels["output"].pad if "output" in TABLES[model].channels else "",
        )


def test_late_pulses_are_refused_by_the_pace_of_the_sequencer() -> None:
    table = TABLES["qblox-qcm"]
    rows = Pulses("output", np.arange(100) * 8, np.full(100, 4))
    check_pace(table, rows, 4)
    tight = replace(rows, start=np.arange(100) * 4)
    check_pace(table, tight, 4)
    with pytest.raises(TimingError, match=r"pulse 9 is due at 36 .*gets there at 40 .*leave more time"):
        check_pace(table, tight, 4, np.ones(100, np.int64))
    with pytest.raises(CompileError, match="does not say what instructions cost"):
        check_pace(TABLES["tektronix-awg5014c"], rows, 4)


def test_unknown_channels_paths_and_unequal_arrays_are_refused() -> None:
    table = TABLES["qblox-qcm"]
    with pytest.raises(CompileError, match="no channel 'input'; it has output"):
        check(table, Asked([Pulses("input", np.zeros(1, int), np.ones(1, int))]))
    with pytest.raises(CompileError, match="2 starts and 1 of amplitude"):
        check(table, Asked([Pulses("output", np.zeros(2, int), np.ones(2, int), np.ones(1))]))
    with pytest.raises(RequestError, match="has no limit 'bins'"):
        check_number(table, "bins", 1)
    with pytest.raises(RequestError, match="no limit 'most'"):
        replaced(table, "bins.most", high=1)


def test_usage_is_a_row_of_the_report() -> None:
    row = usage(TABLES["qblox-qrm"], "waveforms.samples", 16_385, "q0.readout")
    assert (row.resource, row.used, row.allowed, row.fits) == ("waveform samples", 16_385, 16_384, False)
    narrow = replaced(TABLES["qblox-qrm"], "waveforms.samples", high=20_000)
    assert isinstance(narrow, Capability) and usage(narrow, "waveforms.samples", 16_385).fits
    with pytest.raises(RequestError, match="no upper end"):
        usage(TABLES["qblox-qrm"], "gaps.real-time.ticks", 1)


@pytest.mark.parametrize("ends", [(1, 0), (0, math.nan), (math.inf, None)])
def test_a_range_that_holds_nothing_is_none(ends: tuple[float, float]) -> None:
    with pytest.raises(RequestError):
        Range(*ends)
