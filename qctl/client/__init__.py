"""Talk to a server: `connect` for scripts, `qctl.aio.connect` for asyncio; both share what they say."""

from qctl.client.lab import Instrument, Job, Lab, connect
from qctl.client.result import Result

__all__ = ["Instrument", "Job", "Lab", "Result", "connect"]
