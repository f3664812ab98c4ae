"""The asyncio client under its public name: `await qctl.aio.connect(address)`."""

from qctl.client.aio import Instrument, Job, Lab, connect

__all__ = ["Instrument", "Job", "Lab", "connect"]
