"""The scanner reads numbers to the last bit and knows the place of what it refuses."""

import struct

import numpy as np
import pytest

from qctl.cext.scanner import Scanner
from qctl.errors import ParseError
from qctl.formats.openqasm2 import read_openqasm2


def angle(text: str) -> float:
    body = read_openqasm2(f'include "qelib1.inc"; qreg q[1]; rz({text}) q[0];').body
    return float(struct.unpack("<d", body.instructions.tobytes()[8:16])[0])


def test_numbers_are_rounded_to_the_last_bit():
    rng = np.random.default_rng(2)
    for value in np.abs(rng.integers(0, 2**64, 4000, dtype=np.uint64).view(np.float64)):
        if np.isfinite(value):
            assert angle(repr(float(value))) == value
    texts = [
        "9007199254740993",
        "9007199254740992.5",
        "0.1e1",
        "1e22",
        "1e23",
        "8.5e-322",
        "4.9e-324",
        "2.4703282292062327e-324",
        "123456789012345678901234567890",
    ]
    texts += [
        "2.2250738585072011e-308",
        "0." + "0" * 400 + "1",
        "1" + "0" * 300,
        "9007199254740991.4999999999999999999999999999999",
        "1.7976931348623157e308",
    ]
    for digits, exponent in zip(
        rng.integers(1, 10**19, 20_000, dtype=np.uint64), rng.integers(-80, 80, 20_000), strict=True
    ):
        texts.append(f"{digits}e{exponent}")
    for _ in range(2000):  # close to halfway between two doubles
        near = int(rng.integers(2**52, 2**53)) * 2 + 1
        texts += [f"{near}.0", f"{near // 2}.5", f"{near}00000000000000001e-17"]
    for text in texts:
        assert angle(text) == float(text), text


def test_a_lone_surrogate_is_refused_with_its_place():
    with pytest.raises(ParseError, match="unexpected character") as caught:
        read_openqasm2("qreg q[1];\n// \ud800")
    assert (caught.value.line, caught.value.column) == (2, 4)


def test_pieces_are_cut_by_bytes():
    scanner = Scanner("é = 1")
    assert scanner.piece(0, 2) == "é"
    assert scanner.piece(3, 6) == "= 1"
    assert str(scanner.refusal("wrong", 3)) == "byte 3: wrong"


def test_only_text_is_scanned():
    with pytest.raises(TypeError):
        Scanner(b"h q;")
