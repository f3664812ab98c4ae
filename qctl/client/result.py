"""Result: what a job measured, as counts, complex IQ values, populations, records, timings, and an xarray dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qctl import wire
from qctl.client.populations import project
from qctl.errors import RequestError

if TYPE_CHECKING:
    import xarray

__all__ = ["ProgramResult", "Result", "result_from_reply"]


@dataclass(frozen=True, slots=True, eq=False)
class ProgramResult:
    r"""What one program of a job measured.

    Attributes
    ----------
    job : int
        Number of the job.
    axes : tuple of (name, values, unit)
        Sweeps, outermost first.
    iq : mapping of str to complex128 array, volts
        Slot → values of shape (n_shots, \*axes), or (\*axes) when the digitizer averaged; NaN where a partial result
        has none.
    records : mapping of str to float32 array, volts
        Instrument → records of shape (n_shots, \*axes, n_inputs, n_samples), kept on request; without n_shots when the
        digitizer averaged.
    content : dict
        All that result.json has for this program.
    """

    job: int
    axes: tuple[tuple[str, NDArray[np.float64], str], ...]
    iq: Mapping[str, NDArray[np.complex128]]
    records: Mapping[str, NDArray[np.float32]]
    content: dict[str, Any]

    def __repr__(self) -> str:
        axes = "".join(f", {name}: {len(values)} {unit}".rstrip() for name, values, unit in self.axes)
        return f"<ProgramResult: {self.content.get('shots', 0)} shots{axes}>"

    @property
    def averaged(self) -> bool:
        """Say whether the digitizer averaged, so that there are no single shots."""
        return bool(self.content["averaged"])

    @property
    def counts(self) -> Any:
        """Return counts by bit string; with sweeps a list of them, in C order over the axes.

        Bit strings are in Qiskit's order: bit 0 is the rightmost.

        Raises
        ------
        RequestError
            If there are none: the digitizer averaged, the program sets no bit, or no shot was finished.
        """
        if self.averaged:
            bits = "" if self.content["bits"] else " and give its measurements bits"
            text = f"job {self.job} was averaged by the digitizer and has no counts; run it with averaged=False{bits}"
            raise RequestError(text, job=self.job)
        if self.content["counts"] == []:
            why = "sets no bits" if self.content["shots_done"] else "finished no shots"
            raise RequestError(f"job {self.job} {why}, so it has no counts", job=self.job)
        return self.content["counts"]

    @property
    def populations(self) -> dict[str, NDArray[np.float64]]:
        """Return the population of |1> by slot, shaped like `iq`, where the digitizer averaged.

        It is the place of an averaged IQ value on the way from the calibrated point of |0> to that of |1>: noise takes
        it a little below 0 or above 1, and a qubit in |2> gives neither. Slots whose qubit has not been
        calibrated are left out; nothing is there for single shots.
        """
        found = {}
        for slot, values in self.iq.items() if self.averaged else ():
            known = self.content.get("readout", {}).get(slot, {})
            zero, one = known.get("center0_v"), known.get("center1_v")
            if zero and one and zero != one:
                found[slot] = project(values, complex(*zero), complex(*one))
        return found

    @property
    def dataset(self) -> xarray.Dataset:
        """Return an xarray Dataset: IQ values and populations by slot, sweeps as coordinates, units as attributes."""
        import xarray

        names = [name for name, _, _ in self.axes]
        lead = [] if self.averaged else ["shot"]
        variables: dict[str, Any] = {
            slot: ([*lead, *names], values, {"units": "V", "long_name": slot}) for slot, values in self.iq.items()
        }
        for slot, population in self.populations.items():
            of = f"excited-state population of {self.content['readout'][slot]['qubit']}"
            variables[f"{slot}_population"] = (names, population, {"units": "1", "long_name": of})
        for name, values in self.records.items():
            key = f"{name}_records"
            dims = [*lead, *names, f"{name}_input", f"{name}_sample"]
            variables[key] = (dims, values, {"units": "V", "long_name": f"records of {name}"})
        coords = {name: (name, values, {"units": unit, "long_name": name}) for name, values, unit in self.axes}
        return xarray.Dataset(variables, coords)


@dataclass(frozen=True, slots=True, eq=False)
class Result(Sequence[ProgramResult]):
    """What a job measured; a sequence with one entry for each of its programs.

    Attributes
    ----------
    job : int
        Number of the job.
    state : str
        ``done``, ``cancelled`` or ``failed``.
    programs : tuple of ProgramResult
        One for each program of the job.
    content : dict
        The whole of result.json.
    """

    job: int
    state: str
    programs: tuple[ProgramResult, ...]
    content: dict[str, Any]

    def __repr__(self) -> str:
        return f"<Result of job {self.job}: {self.state}, {list(self.programs)}>"

    def __len__(self) -> int:
        return len(self.programs)

    def __getitem__(self, place: Any) -> Any:
        return self.programs[place]

    def __iter__(self) -> Iterator[ProgramResult]:
        return iter(self.programs)

    def _one(self, name: str) -> Any:
        """Return an attribute of the only program, or a list when there are several."""
        values = [getattr(program, name) for program in self.programs]
        return values[0] if len(values) == 1 else values

    @property
    def counts(self) -> Any:
        """Return counts of the program, or a list of them for a job of several programs.

        Raises
        ------
        RequestError
            If there are none, as in an averaged job.
        """
        return self._one("counts")

    @property
    def populations(self) -> Any:
        """Return populations of |1> by slot, or a list of them for a job of several programs."""
        return self._one("populations")

    @property
    def iq(self) -> Any:
        """Return IQ values by slot, or a list of them for a job of several programs."""
        return self._one("iq")

    @property
    def records(self) -> Any:
        """Return records by instrument, or a list of them for a job of several programs."""
        return self._one("records")

    @property
    def dataset(self) -> Any:
        """Return an xarray Dataset, or a list of them for a job of several programs."""
        datasets = self._one("dataset")
        for dataset in datasets if isinstance(datasets, list) else [datasets]:
            dataset.attrs |= {"run_id": self.content.get("run", 0), "job": self.job, "state": self.state}
            dataset.attrs["completed_timestamp_raw"] = self.content.get("finished_s", 0.0)
        return datasets

    @property
    def partial(self) -> bool:
        """Say whether the job ended before all of its shots were played."""
        return bool(self.content.get("partial"))

    @property
    def timings(self) -> dict[str, float]:
        """Return seconds spent in each stage."""
        return dict(self.content.get("timings", {}))


def result_from_reply(reply: wire.Finished, buffers: wire.Parts) -> Result:
    """Return the result that a server sent."""
    content = dict(reply.result)
    arrays: dict[tuple[int, str], dict[str, NDArray[Any]]] = {}
    for part in reply.arrays:
        program, _, slot = part.slot.partition(":")
        arrays.setdefault((int(program), part.kind), {})[slot] = wire.array_from_part(part, buffers)
    programs = tuple(
        ProgramResult(
            reply.job,
            tuple((axis["name"], np.asarray(axis["values"]), axis["unit"]) for axis in one["axes"]),
            arrays.get((number, "iq"), {}),
            arrays.get((number, "records"), {}),
            one,
        )
        for number, one in enumerate(content.get("programs", ()))
    )
    return Result(reply.job, reply.state, programs, content)
