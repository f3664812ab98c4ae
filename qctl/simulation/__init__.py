"""Simulation of programs without any hardware model."""
