"""What host and sequencer must agree on before anything is sent, and what is done without; each in one sentence."""

from __future__ import annotations

from qctl.errors import RequestError, VersionError
from qctl.firmware_io.instructions import SCHEMAS
from qctl.firmware_io.kinds import Feature
from qctl.firmware_io.sequencer_messages import Identification

__all__ = ["agree", "demand", "lacks", "version_of"]

_MEANING = {
    Feature.TONES: "tones",
    Feature.COUNTERS: "photon counters",
    Feature.EXTERNAL_TRIGGER: "external triggers",
    Feature.TRACE: "a trace of its events",
    Feature.UPDATE: "firmware updates over the link",
    Feature.EXTERNAL_REFERENCE: "an external reference",
}


def version_of(found: Identification) -> str:
    """Return the firmware's version, such as 1.0.2."""
    return f"{found.firmware_major}.{found.firmware_minor}.{found.firmware_patch}"


def agree(found: Identification, identity: str) -> int:
    """Return the highest schema of instructions that both sides have.

    Raises
    ------
    VersionError
        If there is none; the sentence names both sides and the remedy.
    """
    schema = min(found.instruction_highest, SCHEMAS[1])
    if schema < max(found.instruction_lowest, SCHEMAS[0]):
        older = "qctl" if found.instruction_lowest > SCHEMAS[1] else "the firmware"
        raise VersionError(
            f"the sequencer {identity!r} with firmware {version_of(found)} executes instructions of schema "
            f"{found.instruction_lowest} to {found.instruction_highest}, this qctl writes {SCHEMAS[0]} to "
            f"{SCHEMAS[1]}; update {older}"
        )
    return schema


def lacks(found: Identification) -> tuple[str, ...]:
    """Return what the sequencer does without, a sentence each."""
    return tuple(
        f"the sequencer's firmware {version_of(found)} has no {what.removeprefix('a ').removeprefix('an ')}"
        for feature, what in _MEANING.items()
        if not found.features & feature
    )


def demand(found: Identification, feature: Feature, purpose: str) -> None:
    """Refuse what needs a feature that the sequencer lacks.

    Raises
    ------
    RequestError
        The sentence says which side lacks what, and the remedy.
    """
    if not found.features & feature:
        raise RequestError(
            f"{purpose} needs {_MEANING[feature]}, which qctl has and the sequencer's firmware {version_of(found)} has "
            f"not; do without, or load a firmware that has it"
        )
