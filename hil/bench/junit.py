"""JUnit XML of benches: a suite for each scenario, a case for each step, as CI servers read it.

Source: the schema of Jenkins' xUnit plugin (junit-10.xsd), which GitLab and Azure follow.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from qctl.hil.bench.outcome import Outcome

__all__ = ["junit_xml"]

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(outcomes: Sequence[Outcome]) -> str:
    """Return the text of a JUnit file."""
    root = ET.Element("testsuites")
    for outcome in outcomes:
        failed = sum(bool(step.problems) for step in outcome.steps)
        suite = ET.SubElement(
            root,
            "testsuite",
            name=_clean(outcome.name),
            tests=str(len(outcome.steps) + 1),
            failures=str(failed + bool(outcome.problems)),
            errors="0",
            skipped="0",
            time=f"{outcome.took_s:.6f}",
            timestamp=time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(outcome.begin_s)),
        )
        properties = ET.SubElement(suite, "properties")
        ET.SubElement(properties, "property", name="lab", value=_clean(outcome.lab))
        for kind, latency in outcome.latencies().items():
            for name in ("n", "p50_s", "p99_s", "max_s", "jitter_s"):
                value = f"{getattr(latency, name):.6g}"
                ET.SubElement(properties, "property", name=f"latency.{kind}.{name}", value=value)
        for step in outcome.steps:
            where = f"{step.repetition}." if outcome.steps[-1].repetition > 1 else ""
            title = f"{where}{step.number:02d} {step.title}"
            _case(suite, outcome, title, step.took_s, step.problems, step.said)
        _case(suite, outcome, "limits, and the lab afterwards", 0.0, outcome.problems, "")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, outcome: Outcome, title: str, took_s: float, problems: Sequence[str], said: str) -> None:
    case = ET.SubElement(suite, "testcase", name=_clean(title), classname=_clean(outcome.name), time=f"{took_s:.6f}")
    if problems:
        ET.SubElement(case, "failure", message=_clean(problems[0]), type="expectation").text = _clean(
            "\n".join(problems)
        )
    if said:
        ET.SubElement(case, "system-out").text = _clean(said)


def _clean(text: str) -> str:
    """Return a text without what XML can't hold."""
    return _NOT_XML.sub("?", text)
