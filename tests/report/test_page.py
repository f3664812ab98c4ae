"""The report is one HTML file that stands alone and in which nothing can break out of its cell."""

from html.parser import HTMLParser

import numpy as np

from qctl.report.page import Page
from qctl.report.plots import curves, histogram, iq_clouds


class Strict(HTMLParser):
    """Collect tags and text, and fail on tags that are closed out of order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.sources, self.words = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in {"meta", "img"}:
            self.open.append(tag)
        self.sources += [value for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_text_from_outside_stays_text():
    page = Page("a <b> title")
    page.heading("<script>alert(1)</script>")
    page.table(["a", "b"], [["<img src=x>", 2], ["short row"]])
    page.text("x & y")
    parser = Strict()
    parser.feed(page.render())
    assert parser.open == []
    assert "script" not in parser.tags
    assert "img" not in parser.tags
    assert "<img src=x>" in parser.words


def test_figures_are_embedded_and_nothing_is_fetched(tmp_path):
    rng = np.random.default_rng(0)
    x = np.linspace(0, 1, 20)
    zero, one = rng.normal(size=50) + 0j, rng.normal(size=50) + 1j
    page = Page("report")
    page.figure(curves([("q0", x, x**2, x**2), ("q1", x, x, None)], "x", "y"), "curves")
    page.figure(iq_clouds({"q0": (zero, one)}, {"q0": (1.5, 0.4)}), "clouds")
    page.figure(histogram({"00": 480, "11": 500, "01": 20}, {"00": 0.5, "11": 0.5}, "Bell"), "counts")
    page.figure(histogram({format(k, "07b"): 1 for k in range(100)}), "many")
    page.write(tmp_path / "deep" / "report.html")
    parser = Strict()
    parser.feed((tmp_path / "deep" / "report.html").read_text())
    assert len(parser.sources) == 4
    assert all(source.startswith("data:image/png;base64,iVBOR") for source in parser.sources)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["report.html"]
