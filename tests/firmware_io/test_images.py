"""A key's file: no leaf of it signs twice, whoever signs at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from qctl.firmware_io import images

N_SIGNERS, N_SIGNATURES = 2, 20
SIGNER = """
import sys
from pathlib import Path
from qctl.firmware_io import images
images.build_image = lambda body, version, board, key, leaf: leaf
print("ready", flush=True)
sys.stdin.readline()
print(*[images.sign_with_file(Path(sys.argv[1]), b"", 1, 1) for _ in range(int(sys.argv[2]))])
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "KEY.json"
    content = {"seed": "00" * 32, "identity": "00" * 16, "height": 10, "width": 8, "next_leaf": 0}
    found.write_text(json.dumps(content))
    return found


def test_two_processes_never_sign_with_the_same_leaf(path: Path) -> None:
    words = [sys.executable, "-c", SIGNER, str(path), str(N_SIGNATURES)]
    signers = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(N_SIGNERS)
    ]
    for signer in signers:
        assert signer.stdout is not None
        assert signer.stdout.readline() == "ready\n"
    for signer in signers:
        assert signer.stdin is not None
        signer.stdin.write("\n")
        signer.stdin.flush()
    leaves = sorted(int(leaf) for signer in signers for leaf in signer.communicate()[0].split())
    assert leaves == list(range(N_SIGNERS * N_SIGNATURES))
    assert json.loads(path.read_text())["next_leaf"] == N_SIGNERS * N_SIGNATURES
    assert sorted(found.name for found in path.parent.iterdir()) == ["KEY.json", "KEY.json.lock"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_name_of_the_file_uses_up_the_same_leaves(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "build_image", lambda body, version, board, key, leaf: leaf)
    other = path.with_name("other.json")
    other.symlink_to(path)
    assert [images.sign_with_file(name, b"", 1, 1) for name in (other, path, other)] == [0, 1, 2]


@pytest.mark.parametrize(
    "words", [["1.2", "1"], ["1.2.99999", "1"], ["256.0.0", "1"], ["1.-2.3", "1"], ["1.2.3", "9"], ["1.2.3", "1"]]
)
def test_what_is_wrong_is_refused_before_a_leaf_is_used(words: list[str], path: Path, tmp_path: Path) -> None:
    version, board = words
    body, image = tmp_path / "absent", tmp_path / "image"
    with pytest.raises(SystemExit):
        images.main(["sign", str(path), str(body), str(image), f"--version={version}", f"--board={board}"])
    assert json.loads(path.read_text())["next_leaf"] == 0
