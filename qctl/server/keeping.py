"""How the keeper's process starts: its pool first, which imports meanwhile what the first job needs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qctl.server.nursery import Nursery
from qctl.server.pool import Pool
from qctl.server.processes import begin_process

if TYPE_CHECKING:
    from qctl.server.places import Places

__all__ = ["KeeperPlan", "run_keeper"]

_WARM = "qctl.server.prepare:make_ready"


@dataclass(frozen=True, slots=True)
class KeeperPlan:
    """What the keeper is started with; picklable."""

    lab_toml: str
    places: Places
    endpoint: str
    broker: str
    prepare: str
    n_workers: int


def run_keeper(plan: KeeperPlan, nursery: int) -> None:
    """Keep jobs and results until told to quit; the pool's workers are forked where the keeper was."""
    begin_process(on_orphan=lambda: os._exit(1))
    pool = Pool(plan.n_workers, warm=((_WARM, plan.lab_toml),), nursery=Nursery(handle=nursery))
    from qctl.server.keeper import Keeper

    Keeper(plan, pool).serve()
