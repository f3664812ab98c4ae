"""Result folders: whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from qctl.errors import RequestError
from qctl.store import folders
from qctl.store.folders import find_result, read_result, write_result


def test_result_comes_back(tmp_path: Path) -> None:
    iq = np.arange(6).reshape(2, 3) * (1 + 2j)
    stored = write_result(tmp_path, 7, {"state": "done", "n": np.int64(3), "x": np.arange(2)}, {(0, "iq", "m"): iq})
    folder = stored.folder
    content, arrays = read_result(folder)
    assert (content["state"], content["job"], content["n"], content["x"]) == ("done", 7, 3, [0, 1])
    ((row, found),) = arrays
    assert (row["program"], row["kind"], row["slot"]) == (0, "iq", "m")
    assert np.array_equal(found, iq)
    assert find_result(tmp_path, 7)[0] == "done"
    assert find_result(tmp_path, 8)[0] == ""


def test_what_was_written_is_told_as_it_is_read(tmp_path: Path) -> None:
    arrays = {(0, "iq", "a"): np.arange(3.0), (1, "iq", "b"): np.arange(4) * 1j, (0, "iq", "c"): np.ones(3)}
    content = {"state": "done", "axes": ((1, 2),), "counts": {1: 2}, "x": np.float32(0.5)}
    stored = write_result(tmp_path, 7, content, arrays)
    told, read = stored.contents(), read_result(stored.folder)
    assert told[0] == read[0]
    assert [row for row, _ in told[1]] == [row for row, _ in read[1]]
    for (_, mine), (_, theirs) in zip(told[1], read[1], strict=True):
        np.testing.assert_array_equal(mine, theirs, strict=True)


def test_a_crash_before_the_rename_leaves_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folders, "_flush", crash)
    with pytest.raises(KeyboardInterrupt):
        write_result(tmp_path, 1, {"state": "done"}, {(0, "iq", "m"): np.zeros(3)})
    assert find_result(tmp_path, 1)[0] == ""
    monkeypatch.undo()
    write_result(tmp_path, 1, {"state": "done"}, {})
    assert find_result(tmp_path, 1)[0] == "done"


def test_result_of_a_later_version_is_refused(tmp_path: Path) -> None:
    folder = write_result(tmp_path, 1, {"state": "done"}, {}).folder
    (folder / "result.json").write_text(json.dumps({"version": 99, "arrays": []}))
    with pytest.raises(RequestError, match="99"):
        read_result(folder)
    (folder / "result.json").unlink()
    with pytest.raises(RequestError, match="gone"):
        read_result(folder)
