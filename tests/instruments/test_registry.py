"""The registry: every model's parts exist, and unknown models are refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from qctl.errors import RequestError
from qctl.instruments import registry
from qctl.lab import Lab, load_lab


def test_every_model_stands_in_a_lab(lab: Lab) -> None:
    driven = {name for name, model in registry.MODELS.items() if model.driver}
    other = load_lab(Path(__file__).parents[2] / "docs" / "examples" / "qblox2.toml")
    found = {instrument.model for one in (lab, other) for instrument in one.instruments.values()}
    assert found <= driven


@pytest.mark.parametrize("name", sorted(name for name, model in registry.MODELS.items() if model.driver))
def test_every_driver_names_its_source(name: str) -> None:
    module = registry._module(registry.model_of(name).driver)
    assert "\nSource: " in module.__doc__
    assert callable(module.open_driver)


@pytest.mark.parametrize("family", [*registry.FAMILIES, "qick"])
def test_every_family_states_its_limits_with_a_source(family: str) -> None:
    assert "\nSource: " in registry._module(f"{family}.capabilities").__doc__


def test_every_model_has_a_table_and_every_table_its_models_name() -> None:
    tables = registry.capabilities()
    assert set(registry.MODELS) - {*registry.OF_BOARDS, *registry.DESCRIBED} <= set(tables)
    assert all(table.model == name for name, table in tables.items())
    assert registry.capability_of("qblox-qcm") is tables["qblox-qcm"]
    with pytest.raises(RequestError, match="'acme-1' has no table of capabilities"):
        registry.capability_of("acme-1")


@pytest.mark.parametrize("name", sorted(registry.MODELS))
def test_every_number_that_can_be_set_has_limits(name: str) -> None:
    for command in registry.declared_commands(name):
        if command.settable and command.kind in (int, float, list):
            assert command.limits is not None, command.header


def test_model_without_driver_can_be_compiled_for_and_is_refused_when_it_is_opened(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.MODELS, "acme-2", registry.Model("acme-2", "player", "", "qblox"))
    instrument = msgspec.structs.replace(lab.instruments["awg0"], model="acme-2")
    assert callable(registry.lowering_of("acme-2").lower)
    with pytest.raises(RequestError, match="'acme-2' can be compiled for, but is not driven yet"):
        registry.open_device(instrument, lab)


def test_unknown_model_is_refused_by_name() -> None:
    with pytest.raises(RequestError, match="'acme-1' is not known; known are artiq-crate, bluefors"):
        registry.model_of("acme-1")


def test_source_takes_no_programs() -> None:
    with pytest.raises(RequestError, match="plays and records no programs"):
        registry.lowering_of("qdevil-qdac2")
