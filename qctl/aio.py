"""The asyncio client under its public name: `async with qctl.aio.connect(address) as lab`."""

from qctl.client.aio import Instrument, Job, Lab, Lease, connect

__all__ = ["Instrument", "Job", "Lab", "Lease", "connect"]
