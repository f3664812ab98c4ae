"""Firmware versions are ordered as semantic versions, and one outside a table's range is refused with the remedy."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from qctl.errors import RequestError, VersionError
from qctl.instruments import registry
from qctl.instruments.capability import Firmware
from qctl.instruments.checker import Asked, check
from qctl.instruments.firmware_versions import precedence

ORDER = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
]
"""Semantic Versioning 2.0.0, section 11."""


def test_versions_are_in_the_order_of_the_standard() -> None:
    for low, high in pairwise([*ORDER, "1.0.1", "1.2.0", "1.10.0", "2"]):
        assert precedence(low) < precedence(high), (low, high)
    assert precedence("v1.2") == precedence("1.2.0+build.5") == precedence("1.2.0")


@pytest.mark.parametrize("version", ["", "latest", "1.x", "-1.0", "1.2.3-"])
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(RequestError, match="is not a version"):
        precedence(version)


def test_firmware_at_the_ends_passes_and_outside_is_refused_with_both_versions() -> None:
    table = replace(registry.capability_of("qblox-qrm"), firmware=Firmware("0.13.0", "0.14.2", "qblox-scheduler"))
    for version in ("0.13.0", "0.13", "0.14.2"):
        check(table, Asked(firmware=version))
    with pytest.raises(
        VersionError, match=r"firmware 0\.12\.9, .* known from 0\.13\.0 on \(qblox-scheduler\): update it"
    ):
        check(table, Asked(firmware="0.12.9"))
    with pytest.raises(VersionError, match=r"0\.13\.0-rc\.1"):
        check(table, Asked(firmware="0.13.0-rc.1"))
    with pytest.raises(VersionError, match=r"known up to 0\.14\.2 .*update qctl"):
        check(table, Asked(firmware="0.14.3"))
    with pytest.raises(VersionError, match="'new' is not a version"):
        check(table, Asked(firmware="new"))
