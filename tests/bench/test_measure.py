"""Benchmarks: sides that are missing or disagree are named, and goals are judged on the numbers that were measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qctl.bench.areas import joined, machine, run_area
from qctl.bench.case import Case, Goal, Mean
from qctl.bench.measure import judge_means, measure_case
from qctl.bench.page import rows_text, write_page
from qctl.errors import RequestError


def _work(n_steps: int, result: int = 7) -> Any:
    def prepare(n_threads: int) -> Any:
        def work() -> int:
            sum(range(n_steps))
            return result

        return work

    return prepare


def _absent(n_threads: int) -> Any:
    raise ImportError("no package of that name")


def _same(values: Any) -> None:
    assert len(set(values.values())) == 1, f"the sides return {sorted(set(values.values()))}"


def _case(**changes: Any) -> Case:
    sides = {"qctl": _work(10), "slow": _work(200_000), "gone": _absent}
    goals = (Goal("slow", 5.0), Goal("gone", 1.0), Goal("qctl", 1.0), Goal("fastest", 5.0))
    return Case(
        **{"name": "sum", "work": "sums", "sides": sides, "agree": _same, "goals": goals, "n_units": 2} | changes
    )


def test_goals_are_judged_on_what_was_measured() -> None:
    row = measure_case(_case(), 1)
    assert [goal["met"] for goal in row["goals"]] == [True, None, True, True]
    assert row["missing"] == {"gone": "no package of that name"}
    assert row["sides"]["slow"]["median_s"] >= row["sides"]["slow"]["min_s"] > 0


def test_a_case_whose_sides_disagree_meets_no_goal() -> None:
    row = measure_case(_case(sides={"qctl": _work(10, 1), "slow": _work(200_000, 2)}), 1)
    assert row["disagreement"].startswith("the sides return [1, 2]")
    assert not any(goal["met"] for goal in row["goals"])


@pytest.mark.parametrize(("bound", "worst", "met"), [(1.9, None, True), (2.1, None, False), (1.9, 1.5, False)])
def test_a_mean_is_geometric_and_has_a_worst_case(bound: float, worst: float | None, met: bool) -> None:
    def row(name: str, own: float, peer: float) -> dict[str, Any]:
        sides = {"qctl": {"median_s": own, "figures": {}}, "peer": {"median_s": peer, "figures": {}}}
        return {"case": name, "threads": 1, "sides": sides, "disagreement": ""}

    mean = Mean("both", ("a", "b"), "peer", bound, worst=worst)
    (found,) = judge_means([mean], [row("a", 1.0, 1.0), row("b", 1.0, 4.0), row("c", 1.0, 100.0)])
    assert found["value"] == pytest.approx(2.0)
    assert found["worst"] == {"case": "a, 1", "value": 1.0}
    assert found["met"] is met


def test_a_mean_that_lacks_a_case_is_not_judged() -> None:
    sides = {"qctl": {"median_s": 1.0}, "peer": {"median_s": 9.0}}
    rows = [{"case": name, "threads": 1, "sides": sides, "disagreement": ""} for name in "ab"]
    (found,) = judge_means([Mean("three", ("a", "b", "c"), "peer", 1.0)], rows)
    assert (found["met"], found["n_cases"]) == (None, 2)
    rows[0] |= {"disagreement": "9 gates are not 8"}
    (found,) = judge_means([Mean("two", ("a", "b"), "peer", 1.0)], rows)
    assert (found["met"], found["n_cases"]) == (None, 1)


def test_a_mean_of_a_figure_is_an_upper_bound() -> None:
    sides = {
        "qctl": {"median_s": 1.0, "figures": {"gates": 9.0}},
        "peer": {"median_s": 1.0, "figures": {"gates": 10.0}},
    }
    mean = Mean("gates", ("a",), "peer", 0.95, figure="gates")
    (found,) = judge_means([mean], [{"case": "a", "threads": 1, "sides": sides, "disagreement": ""}])
    assert found["value"] == pytest.approx(0.9)
    assert found["met"]


def test_a_page_names_every_side_and_has_a_plot(tmp_path: Path) -> None:
    area = {"machine": machine(), "cases": [measure_case(_case(), 1)], "means": []}
    write_page({"build": area}, tmp_path / "benchmarks.md")
    text = (tmp_path / "benchmarks.md").read_text()
    assert "**3 of 4 commitments are met.** Not met, or not measured:" in text
    assert "- sum (1 thread): 1 times gone: not measured" in text
    assert "| sum | slow | 1 |" in text
    assert "gone could not be installed or loaded: no package of that name" in text
    assert (tmp_path / "images" / "bench-build.svg").stat().st_size > 1000
    assert "5 times slow: met" in rows_text(area)


def test_a_page_keeps_the_areas_that_are_not_measured_again(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    first = {"machine": machine() | {"date": "2026-01-01"}, "cases": [measure_case(_case(), 1)], "means": []}
    write_page({"build": first, "text": first}, page)
    write_page({"text": first | {"machine": machine() | {"date": "2026-01-02"}}}, page)
    text = page.read_text()
    assert "`qctl bench build`, 2026-01-01, " in text
    assert "`qctl bench text`, 2026-01-02, " in text
    assert "**6 of 8 commitments are met.**" in text


def test_some_cases_measured_again_stand_among_the_others() -> None:
    names = ("qaoa_20_line", "qv_20_line", "qft_20_line")
    rows = [measure_case(_case(), 1) | {"case": name, "said": "first"} for name in names]
    older = {"machine": machine() | {"date": "2026-01-01"}, "cases": rows, "means": []}
    newer = {"machine": machine() | {"date": "2026-01-02"}, "cases": [rows[1] | {"said": "again"}], "means": []}
    found = joined(older, newer, "translate")
    assert [(row["case"], row["said"]) for row in found["cases"]] == [
        ("qaoa_20_line", "first"),
        ("qv_20_line", "again"),
        ("qft_20_line", "first"),
    ]
    assert found["machine"]["date"] == "2026-01-01 to 2026-01-02"
    assert found["means"][0]["name"] == "speed, without qft"


def test_cases_of_another_machine_are_not_mixed() -> None:
    older = {"machine": machine() | {"processor": "an abacus"}, "cases": [], "means": []}
    newer = {"machine": machine(), "cases": [], "means": []}
    with pytest.raises(RequestError, match="measured with processor 'an abacus', this is"):
        joined(older, newer, "translate")


def test_an_unknown_area_is_refused_by_name() -> None:
    with pytest.raises(RequestError, match="there is no area 'nosuch'"):
        run_area("nosuch")
