"""Which models have what optional keys of a connector in lab.toml name; a key that nothing would hear is refused."""

from __future__ import annotations

from collections.abc import Iterator

from qctl.lab import Instrument

__all__ = ["unheard"]

_RF = ("qblox-qcm-rf", "qblox-qrm-rf", "qblox-qrc")
_SYNTHESISERS = ("qctl-sequencer", "artiq-crate")
_HAVE: dict[tuple[str, str], tuple[str, ...]] = {
    ("output", "lo_hz"): (*_RF, *_SYNTHESISERS, "zurich-shf", "qick-", "qm-opx", "qctl-atoms", "pulser-"),
    ("output", "attenuation_db"): _RF,
    ("output", "offset_v"): (
        "tektronix-", "keysight-", "tabor-", "zurich-hdawg", "qblox-qcm", "qblox-qrm", "qctl-sequencer",
    ),
    ("output", "tones"): _SYNTHESISERS,
    ("input", "attenuation_db"): _RF[1:],
    ("input", "offset_v"): ("keysight-infiniium-s",),
    ("line", "delay_s"): ("qctl-trigger",),
}  # fmt: skip
"""What the names of models begin with that have it."""
_LACK = {("output", "offset_v"): _RF}
"""Those among them that have not: offsets of their mixers stand in `mixer` of a port."""


def unheard(instrument: Instrument) -> Iterator[tuple[str, str]]:
    """Yield each key of a connector that the model has nothing for, below the instrument's path, and why it is refused.

    Parameters
    ----------
    instrument : Instrument
        Its entry in lab.toml; of a model that qctl drives or compiles for.
    """
    for (side, key), models in _HAVE.items():
        if instrument.model.startswith(models) and not instrument.model.startswith(_LACK.get((side, key), ("-",))):
            continue
        for number, connector in getattr(instrument, side).items():
            if given := getattr(connector, key):
                said = ", ".join(map(str, given)) if isinstance(given, tuple) else f"{given:g}"
                yield f"{side}.{number}.{key}", f"{said} would not be set: a {instrument.model} has none, leave it out"
