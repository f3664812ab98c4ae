"""Hosted drivers: classes of QCoDeS and PyMeasure that lab.toml names, with qctl's limits, time-outs and leases."""
