"""Which class emulates which model, and over which kind of link it is reached."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MODELS", "Model"]


class Model(NamedTuple):
    """One emulated model.

    Attributes
    ----------
    module, name : str
        Where its class is.
    link : str
        ``raw`` (SCPI socket), ``chassis`` (one for itself, and behind it one for each slot), ``hislip`` or ``pty``.
    """

    module: str
    name: str
    link: str


MODELS: dict[str, Model] = {
    "tektronix-awg5014c": Model("tektronix_awg5014c", "TektronixAwg5014c", "raw"),
    "keysight-infiniium-s": Model("keysight_infiniium", "KeysightInfiniium", "hislip"),
    "rohde-schwarz-sgs100a": Model("rohde_schwarz_sgs100a", "RohdeSchwarzSgs100a", "hislip"),
    "qdevil-qdac2": Model("qdevil_qdac2", "QdevilQdac2", "raw"),
    "qblox-cluster": Model("qblox.cluster", "QbloxCluster", "chassis"),
    "qctl-trigger": Model("qctl_trigger", "QctlTrigger", "pty"),
}
