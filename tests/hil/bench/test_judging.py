"""What a bench finds good and bad: values, errors, counts and times, and what its reports say."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import junitparser
import pytest

from qctl import wire
from qctl.errors import DeviceTimeoutError, LimitError
from qctl.hil.bench.judging import is_wanted, judge_chance, judge_error, judge_limits, judge_value
from qctl.hil.bench.junit import junit_xml
from qctl.hil.bench.outcome import Outcome, StepOutcome, plain
from qctl.hil.bench.scenario import Limits, Scenario
from qctl.hil.bench.steps import Chance, EventWanted, Expect, Get
from qctl.report.bench import write_bench


@pytest.mark.parametrize(
    ("wanted", "value", "unit", "words"),
    [
        (Expect(value=1.0), 1.0, "", []),
        (Expect(value=1.0), 1, "", []),
        (Expect(value=True), 1.0, "", []),
        (Expect(value=1.0), "1", "", ["'1' came, expected 1.0"]),
        (Expect(min=1.0, max=2.0, unit="Hz"), 3.0, "Hz", ["3 Hz is outside [1, 2]"]),
        (Expect(min=1.0), 3.0, "Hz", []),
        (Expect(unit="dBm"), 3.0, "Hz", ["the unit is Hz, expected dBm"]),
        (Expect(max=1.0), None, "", ["None is no number, expected one in [-inf, 1]"]),
        (Expect(max=1.0), float("nan"), "", ["nan is outside [-inf, 1]"]),
    ],
)
def test_values(wanted: Expect, value: object, unit: str, words: list[str]) -> None:
    assert judge_value(wanted, value, unit) == words


def test_errors_are_judged_by_code_and_words() -> None:
    late = DeviceTimeoutError("lo0: no answer")
    assert judge_error(Expect(), None) == []
    assert judge_error(Expect(), late) == ["failed: device_timeout: lo0: no answer"]
    assert judge_error(Expect(error="device_timeout", words="lo0"), late) == []
    assert judge_error(Expect(error="limit"), None) == ["no error came, expected limit"]
    assert len(judge_error(Expect(error="device_timeout", words="lo0"), LimitError("lo1"))) == 2


@pytest.mark.parametrize(
    ("wanted", "good"),
    [
        (EventWanted("link.lo0", {"state": "down"}, {"why": "revision 0.1"}), True),
        (EventWanted("link", words={"why": "lo0", "state": "do"}), True),
        (EventWanted("link.lo0", words={"why": "0.2"}), False),
        (EventWanted("link.lo0", {"state": "up"}, {"why": "0.1"}), False),
        (EventWanted("link.lo0", words={"lacks": "a"}), False),
        (EventWanted("link.lo", words={"why": "0.1"}), False),
    ],
)
def test_an_event_is_told_by_its_topic_what_it_holds_and_parts_of_its_texts(wanted: EventWanted, good: bool) -> None:
    event = wire.Event("link.lo0", 0.0, {"state": "down", "why": "lo0 has revision 0.1 of its firmware"})
    assert is_wanted(wanted, event) is good


def test_what_no_line_can_show_is_written_out() -> None:
    assert plain("a\x1b[2J\nb\x00\u2028\x9b\ud800 é") == r"a\x1b[2J\nb\x00\u2028\x9b\ud800 é"


def test_counts_are_judged_in_sigmas_and_bounds() -> None:
    counts = {"0": 450, "1": 550}
    assert judge_chance({"1": Chance(p=0.5, sigma=4)}, counts) == []
    assert judge_chance({"1": Chance(p=0.5, sigma=3)}, counts) == ["1 came in 0.5500 of 1000 shots, 3.2 sigma from 0.5"]
    assert judge_chance({"1": Chance(max=0.5), "0": Chance(min=0.1)}, counts) == [
        "1 came in 0.5500 of 1000 shots, outside [0, 0.5]"
    ]
    assert judge_chance({"1": Chance()}, None) == ["there are no counts of a single circuit"]


@pytest.fixture
def outcome() -> Outcome:
    """Return a scenario with one step that went well and one that did not, and odd bytes in its words."""
    steps = [
        StepOutcome(1, 1, "get", "get lo0.power", 0.0, 0.01, said="3 dBm"),
        StepOutcome(2, 1, "get", "get <lo0>", 0.1, 0.5, ["3 & 4 \x1b differ"]),
    ]
    return Outcome(
        "a <scenario>", "a.toml", "transmon2", 1e9, 1.0, steps, {"get": [0.01] * 99 + [0.5]},
        [(0.2, "lo0", "degraded"), (0.6, "lo0", "up")], [(0.15, 0.5, "silence on lo0")], [],
    )  # fmt: skip


def test_limits_are_of_all_times_of_a_kind(outcome: Outcome) -> None:
    limits = {"get": Limits(p50_s=0.02, p99_s=0.02, max_s=0.4, jitter_s=0.001), "set": Limits()}
    found = judge_limits(Scenario(schema=1, name="a", steps=(Get("lo0", "p"),), limits=limits), outcome)
    assert [text.split(":")[0] for text in found] == ["limits.get.max_s", "limits.get.jitter_s", "limits.set"]


def test_junit_is_read_by_somebody_elses_parser(outcome: Outcome, tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    file.write_text(junit_xml([outcome]), encoding="utf-8")
    (suite,) = junitparser.JUnitXml.fromfile(str(file))
    assert (suite.name, suite.tests, suite.failures, suite.errors) == ("a <scenario>", 3, 1, 0)
    good, bad, limits = suite
    assert good.is_passed and limits.is_passed and not bad.is_passed
    assert bad.result[0].message == "3 & 4 ? differ"
    assert {one.name: one.value for one in suite.properties()}["latency.get.max_s"] == "0.5"
    assert ET.parse(file).getroot().tag == "testsuites"


def test_the_html_report_stands_alone(outcome: Outcome, tmp_path: Path) -> None:
    write_bench([outcome.to_dict()], tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert "3 &amp; 4" in text and "a &lt;scenario&gt;: FAILED" in text
    assert "http" not in text.lower().replace("http-equiv", "") and text.count("data:image/png") == 2
