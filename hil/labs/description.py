"""The lab.toml of a built-in lab: the rack as it is, and design values that are honestly off."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qctl.hil.labs.bridged import BESIDE, UNITS, firmware_lines
from qctl.hil.labs.draw import LO_DRIVE_HZ, LO_READOUT_HZ
from qctl.hil.labs.open_architecture import DESIGN_DELAYS_S
from qctl.hil.labs.qblox import MODULES, RF, module_lines, rf_ports
from qctl.hil.labs.qick import BOARDS, board_lines, board_ports
from qctl.hil.labs.qick import PULSE_S as BOARD_PULSE_S
from qctl.hil.labs.truth import (
    CZ_RISE_S,
    PULSE_S,
    READOUT_DELAY_S,
    READOUT_S,
    READOUT_V,
    SIGMA_S,
    beta_s,
    cz_voltage_v,
    half_pulse_v,
    pair_name,
    readout_hz,
)
from qctl.hil.labs.zurich import DATA_SERVER, address_of, instrument_lines, port_lines
from qctl.hil.physics.couplings import rest_of
from qctl.hil.plant.cables import connector
from qctl.hil.plant.file import PlantFile

__all__ = ["MODELS", "boxes_of", "describe_lab", "modules_of"]

MODELS = {
    "awg": "tektronix-awg5014c",
    "pro": "tabor-p2584m",
    "dig": "keysight-infiniium-s",
    "lo_": "rohde-schwarz-sgs100a",
    "dc0": "qdevil-qdac2",
    "spi": "spi-rack",
    "d5a": "qblox-d5a",
    "s4g": "qblox-s4g",
    "tri": "qctl-trigger",
    "clu": "qblox-cluster",
    **MODULES,
    **RF,
    "zds": DATA_SERVER,
    "qc0": "zurich-shfqc",
    "qa0": "zurich-shfqa",
    "sg0": "zurich-shfsg",
    "pq0": "zurich-pqsc",
    "hd0": "zurich-hdawg",
    "uh0": "zurich-uhfqa",
    **BOARDS,
    "fri": "bluefors-gen1",
    **{name[:3]: model for name, model in BESIDE.items()},
}
_ZURICH_LO_HZ = (LO_DRIVE_HZ, 7.1e9)
"""Of drives and readout: multiples of 100 MHz."""
_DESIGN_COUPLING_HZ = 4.35e6
_DESIGN_CZ_S = 8.5e-8


def boxes_of(file: PlantFile) -> dict[str, str]:
    """Return every instrument of a lab that has an emulator of its own, with its model; modules are their chassis'."""
    cables = file.cables
    carriers = {lo for lo in (*(line.lo for line in cables.drive), cables.readout.lo) if "." not in lo}
    sources = {connector(place)[0] for place in (*cables.triggers.values(), *cables.slots.values())}
    biases = {connector(line.dc)[0] for line in cables.flux if line.dc}
    names = {*cables.triggers, *sources, *carriers, *biases, _starter(file), *cables.beside} - set(cables.slots)
    return {name: MODELS[name[:3]] for name in sorted(names)}


def modules_of(file: PlantFile, chassis: str) -> dict[str, tuple[int, str]]:
    """Return the modules of a chassis or the units of a line, each with its slot or number and model."""
    if chassis in UNITS and chassis in file.cables.beside:
        return UNITS[chassis]
    found = {name: connector(place) for name, place in file.cables.slots.items()}
    return {name: (slot, MODELS[name[:3]]) for name, (box, slot) in sorted(found.items()) if box == chassis}


def _starter(file: PlantFile) -> str:
    """Return what starts the shots: the trigger controller, or the chassis that all that plays sits in.

    Devices behind a data server are started by one of their own, and a board by itself.
    """
    cables = file.cables
    sources = {connector(place)[0] for place in cables.triggers.values()} - set(cables.slots)
    if sources or not cables.slots:
        return min(sources, default=connector(cables.readout.i)[0])
    chassis = min(connector(place)[0] for place in cables.slots.values())
    return chassis if MODELS[chassis[:3]] != DATA_SERVER else min(set(cables.slots) - set(cables.triggers))


def describe_lab(name: str, file: PlantFile, addresses: Mapping[str, str]) -> str:
    """Return the text of lab.toml; frequencies are up to 30 MHz off, amplitudes 20 %, flux 15 %.

    Parameters
    ----------
    name : str
        Name of the lab.
    file : PlantFile
        What is true.
    addresses : mapping of str to str
        VISA address of each instrument.
    """
    random = np.random.default_rng([file.seed, 77])
    parts = [
        f"# The built-in virtual lab {name}, seed {file.seed}; design values are off, tune-up finds the true ones.",
        "schema = 1",
        f'name = "{name}"',
        "",
        *_processor(file, random),
        *(line for box, model in boxes_of(file).items() for line in _boxes(box, model, file, addresses[box])),
        *_ports(file),
        *_interlocks(file),
    ]
    return "\n".join(parts) + "\n"


def _processor(file: PlantFile, random: np.random.Generator) -> list[str]:
    transmons = file.processor.transmons
    rest = rest_of(file.processor, (0.0,) * len(transmons))
    two = len(transmons) > 1
    gates = ", ".join(f'"{gate}"' for gate in (("rz", "sx", "cz") if two else ("rz", "sx")))
    lines = [
        "[processors.qpu0]",
        'platform = "transmon"',
        f"qubits = [{', '.join(f'{chr(34)}{t.name}{chr(34)}' for t in transmons)}]",
        f"native_gates = [{gates}]",
        "shot_period_s = 2.0e-4",
        f'trigger = "{_starter(file)}"',
        "",
    ]
    pulse_s = BOARD_PULSE_S if _starter(file)[:3] in BOARDS else PULSE_S
    for k, transmon in enumerate(transmons):
        frequency_hz = float(rest.levels_hz[k, 0])
        design_hz = frequency_hz + random.uniform(-3e7, 3e7)
        amplitude_v = half_pulse_v(transmon, frequency_hz) * random.uniform(0.8, 1.2)
        read_hz = readout_hz(transmon) + random.uniform(-1.5e6, 1.5e6)
        lines += [
            f"[processors.qpu0.qubit.{transmon.name}]",
            f"frequency_hz = {_number(design_hz)}",
            f"anharmonicity_hz = {round(transmon.anharmonicity_hz, -7)!r}",
            "t1_s = 3.0e-5",
            "t2_s = 2.0e-5",
            f"drive = {{ length_s = {pulse_s!r}, sigma_s = {SIGMA_S!r}, amplitude_v = {amplitude_v:.4g}, "
            f"beta_s = {beta_s(transmon)!r} }}",
        ]
        if file.cables.flux[k].output:
            key = "offset_a" if file.cables.flux[k].dc.startswith("s4g") else "offset_v"
            lines.append(f"flux = {{ {key} = 0.0 }}")
        lines += [
            f"readout = {{ frequency_hz = {_number(read_hz)}, amplitude_v = {READOUT_V}, length_s = {READOUT_S!r}, "
            f"delay_s = {READOUT_DELAY_S!r} }}",
            "",
        ]
    for k, coupler in enumerate(file.processor.couplers):
        volts = cz_voltage_v(file.processor, k) * random.uniform(0.85, 1.15)
        first, _, second = pair_name(file.processor, k).partition("-")
        lines += [
            f'[processors.qpu0.coupler."{first}-{second}"]',
            f'flux_qubit = "{transmons[coupler.high].name}"',
            f"coupling_hz = {_DESIGN_COUPLING_HZ!r}",
            f"cz = {{ length_s = {_DESIGN_CZ_S!r}, amplitude_v = {volts:.4g}, rise_s = {CZ_RISE_S!r}, "
            f"phase_rad = {{ {first} = 0.0, {second} = 0.0 }} }}",
            "",
        ]
    return lines


def _number(value: float) -> str:
    """Return a frequency to 10 kHz, as TOML reads it."""
    return f"{round(value / 1e4) * 1e4 / 1e9:.5f}e9"


def _boxes(box: str, model: str, file: PlantFile, address: str) -> list[str]:
    """Return an instrument, and behind it the modules that it holds, each on a port of its own."""
    if box in UNITS:
        return firmware_lines(box, address)
    if model == DATA_SERVER:
        return [
            line
            for name, (slot, other) in modules_of(file, box).items()
            for line in _instrument(name, other, file, address_of(address, slot))
        ]
    if model == MODELS["spi"]:
        held = modules_of(file, box).items()
        return [line for name, (_, other) in held for line in _instrument(name, other, file, address)]
    lines = _instrument(box, model, file, address)
    kind, host, port, *rest = address.split("::") if address.startswith("TCPIP") else ("", "", "")
    for name, (slot, other) in modules_of(file, box).items():
        lines += _instrument(name, other, file, "::".join([kind, host, str(int(port) + slot), *rest]))
    return lines


def _instrument(box: str, model: str, file: PlantFile, address: str) -> list[str]:
    if box in BESIDE:
        return firmware_lines(box, address)
    lines = [f"[instruments.{box}]", f'model = "{model}"', f'address = "{address}"']
    lines += [] if box in file.cables.beside else ['group = "rack"']
    delay_s = DESIGN_DELAYS_S[box] if file.cables.delays_s and box in file.cables.triggers else 0.0
    triggered = f'trigger = {{ source = "trig0", line = 1, delay_s = {delay_s!r} }}'
    source = "trig0" if file.cables.beside and box not in ("trig0", "dc0", *file.cables.beside) else ""
    chassis = "" if _is_served(box, file) else connector(file.cables.slots.get(box, ""))[0]
    clocked = [f'clock_source = "{chassis or source}"'] if source else []
    if _is_served(box, file):
        wire = file.cables.triggers.get(box, "")
        with_uhf = "uh0" in file.cables.slots
        lines += instrument_lines(model, _outputs_of(box, file), _ZURICH_LO_HZ, wire, delay_s, with_uhf)
    elif box[:3] in BOARDS:
        lines += board_lines(file.cables, model)
    elif model == MODELS["awg"]:
        lines += ["timeout_s = 5.0", "clock_hz = 1.2e9", 'reference = "external"', triggered]
        lines += ['event = { source = "trig0", line = 2 }', 'safe = { outputs = "off" }']
        for number in sorted(_outputs_of(box, file)):
            lines.append(f"output.{number} = {{ limits_v = [-2.25, 2.25], amplitude_vpp = 1.0 }}")
    elif model == MODELS["pro"]:
        lines += [
            "timeout_s = 10.0",
            "clock_hz = 2.0e9",
            'reference = "external"',
            triggered,
            'safe = { outputs = "off" }',
        ]
        lines += [
            f"output.{n} = {{ limits_v = [-0.6, 0.6], amplitude_vpp = 1.2 }}" for n in sorted(_outputs_of(box, file))
        ]
    elif model == MODELS["dig"]:
        lines += ["timeout_s = 10.0", "clock_hz = 5.0e8", 'reference = "external"', triggered]
        lines += [f"input.{number} = {{ range_v = 0.8 }}" for number in (1, 2)]
    elif model == MODELS["lo_"]:
        frequency_hz = LO_READOUT_HZ if box == "lo_readout" else LO_DRIVE_HZ
        lines += ['reference = "external"', f"frequency_hz = {frequency_hz / 1e9:.2f}e9", "power_dbm = 10.0"]
        lines.append("limits = { power_dbm = [-20.0, 15.0], frequency_hz = [1.0e9, 12.75e9] }")
        lines.append("safe = { output = false }")
    elif box[:3] in MODULES or box[:3] in RF:
        lines += ["timeout_s = 10.0", "clock_hz = 1.0e9", 'reference = "external"', 'safe = { outputs = "off" }']
        lines.append(f'trigger = {{ source = "{chassis}", line = 1, delay_s = 0.0 }}')
        reads = box == connector(file.cables.readout.acquire_i)[0]
        lines += module_lines(model, _outputs_of(box, file), LO_READOUT_HZ if reads else LO_DRIVE_HZ, reads)
    elif model == MODELS["clu"]:
        lines += ["timeout_s = 10.0", "clock_hz = 1.0e9", 'reference = "external"', 'safe = { outputs = "off" }']
        lines.append("line.1 = { width_s = 1.0e-7 }")
        lines += [triggered] if box in file.cables.triggers else []
    elif model == MODELS["fri"]:
        pass
    elif model in (MODELS["d5a"], MODELS["s4g"]):
        lines += [f"module = {connector(file.cables.slots[box])[1]}", "timeout_s = 1.0"]
        lines += _bias_lines(model, [n for name, n in (connector(line.dc) for line in file.cables.flux) if name == box])
    elif model == MODELS["dc0"]:
        for k in range(len(file.processor.transmons)):
            lines.append(f"output.{k + 1} = {{ limits_v = [-1.0, 1.0], slew_v_per_s = 0.1, safe_v = 0.0 }}")
    else:
        lines += ["clock_hz = 1.0e8", 'reference = "internal"', 'safe = { outputs = "off" }']
        lines += [f"line.{number} = {{ width_s = 1.0e-7 }}" for number in (1, 2)]
    return [*lines, *clocked, ""]


def _bias_lines(model: str, numbers: list[int]) -> list[str]:
    """Return the outputs of a module of an SPI rack; the host leads them, in seconds of wall time."""
    if model == MODELS["d5a"]:
        return [f"output.{n} = {{ limits_v = [-1.0, 1.0], slew_v_per_s = 5.0, safe_v = 0.0 }}" for n in numbers]
    bounds = "limits_a = [-1.0e-3, 1.0e-3], slew_a_per_s = 5.0e-3, safe_a = 0.0"
    return [f"current.{n} = {{ range_a = 0.05, {bounds} }}" for n in numbers]


def _is_served(box: str, file: PlantFile) -> bool:
    """Say whether a box is a device behind a data server."""
    return box in file.cables.slots and MODELS[connector(file.cables.slots[box])[0][:3]] == DATA_SERVER


def _interlocks(file: PlantFile) -> list[str]:
    """Return what must hold while a run plays."""
    if "fridge" not in file.cables.beside:
        return []
    return ["[interlocks.mxc]", 'instrument = "fridge"', 'parameter = "tmixing_k"', "max = 0.05", ""]


def _outputs_of(box: str, file: PlantFile) -> set[int]:
    cables = file.cables
    places = [place for line in cables.drive for place in (line.i, line.q)]
    places += [line.output for line in cables.flux if line.output] + [cables.readout.i, cables.readout.q]
    return {number for name, number in map(connector, places) if name == box}


def _ports(file: PlantFile) -> list[str]:
    cables = file.cables
    lines = []
    for k, transmon in enumerate(file.processor.transmons):
        drive, flux = cables.drive[k], cables.flux[k]
        served = {box: MODELS[box[:3]] for box in cables.slots if _is_served(box, file)}
        if served:
            lines += port_lines(transmon.name, k, cables, served)
            continue
        if connector(drive.i)[0][:3] in RF:
            lines += rf_ports(transmon.name, k, cables)
            continue
        if connector(drive.i)[0][:3] in BOARDS:
            lines += board_ports(transmon.name, k, cables)
            continue
        lines += [f'[ports."{transmon.name}.drive"]', f'i = "{drive.i}"', f'q = "{drive.q}"', f'lo = "{drive.lo}"', ""]
        if flux.output:
            lines += [f'[ports."{transmon.name}.flux"]', f'output = "{flux.output}"', f'dc = "{flux.dc}"', ""]
        lines += [
            f'[ports."{transmon.name}.readout"]',
            f'i = "{cables.readout.i}"',
            f'q = "{cables.readout.q}"',
            f'lo = "{cables.readout.lo}"',
            f'acquire_i = "{cables.readout.acquire_i}"',
            f'acquire_q = "{cables.readout.acquire_q}"',
            'feedline = "f0"',
            "",
        ]
    return lines
