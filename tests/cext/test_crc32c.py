"""The checksum agrees with the published check values and with a bitwise twin."""

import numpy as np
import pytest

from qctl.cext.crc32c import crc32c


def twin(content: bytes, crc: int = 0) -> int:
    crc ^= 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_published_values():
    # RFC 3720, appendix B.4, and the check value of the CRC catalogue
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(b"") == 0


def test_any_length_and_split_agrees_with_the_twin():
    content = np.random.default_rng(0).integers(0, 256, 67, dtype=np.uint8).tobytes()
    for n in range(len(content)):
        assert crc32c(content[:n]) == twin(content[:n])
        assert crc32c(content[n:], crc32c(content[:n])) == twin(content)


@pytest.mark.parametrize("n", [6143, 6144, 6145, 12_288, 50_000])
@pytest.mark.parametrize("offset", [0, 3])
def test_long_content_has_the_same_sum_by_instruction_and_by_tables(n, offset):
    content = np.random.default_rng(n).integers(0, 256, n + offset, dtype=np.uint8).tobytes()[offset:]
    assert crc32c(content) == crc32c(content, by_tables=True) == twin(content)
    assert crc32c(content, 12345) == crc32c(content, 12345, by_tables=True)
