"""How many gates of a kind a unitary needs, by the papers; that so many are enough, tests/compiler proves."""

import numpy as np
import pytest

from qctl.cext.kinds import count_gates


@pytest.mark.parametrize(
    ("kind", "eighths", "wanted"),
    [
        *[(kind, (0, 0, 0), 0) for kind in range(12)],
        *[(kind, (2, 2, 2), 3) for kind in range(12)],
        *[(kind, (2, 0, 0), 1) for kind in range(10)],
        *[(kind, (1, 0, 0), 2 if kind < 6 else 1) for kind in range(10)],
        *((10, (2, 2, 0), 1), (10, (1, 0, 0), 2), (11, (1, 1, 0), 1), (11, (2, 2, 0), 2), (11, (2, 1, 1), 2)),
        (11, (1.5, 1, 1), 3),
    ],
)
def test_known_classes_need_what_the_papers_say(kind, eighths, wanted):
    counts = np.full(1, -1, np.int32)
    count_gates(np.pi / 8 * np.array([eighths], float), kind, counts)
    assert counts[0] == wanted
