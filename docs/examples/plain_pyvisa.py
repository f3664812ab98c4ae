"""Step a microwave source through its band, with PyVISA alone: one line says whether qctl's server is in between."""

from __future__ import annotations

import sys

import pyvisa


def step_source(rm: pyvisa.ResourceManager, address: str) -> list[float]:
    """Return the frequencies that the source confirms, in hertz."""
    with rm.open_resource(address, read_termination="\n", write_termination="\n") as source:
        source.timeout = 5000
        print(source.query("*IDN?"))
        source.write("*CLS")
        source.write("SOUR:POW -20 dBm")
        source.write(":OUTPut:STATe ON")
        steps = []
        for frequency_ghz in (4.9, 5.0, 5.1):
            source.write(f"FREQ {frequency_ghz} GHz")
            source.query("*OPC?")
            steps += source.query_ascii_values("SOUR:FREQ:CW?")
        source.write("OUTP OFF")
        print(source.query("SYST:ERR?"))
        return steps


if __name__ == "__main__":
    rm = pyvisa.ResourceManager("@py")
    print(step_source(rm, sys.argv[1]))
    rm.close()
