"""`qctl.visa_manager`: the resource manager that a plain PyVISA script asks for, with the server behind it."""

from __future__ import annotations

import pyvisa

from qctl.client import connect
from qctl.client.lab import DEFAULT_ADDRESS
from qctl.integrations.visa_library import ServerLibrary

__all__ = ["VisaManager", "visa_manager"]


class VisaManager(pyvisa.ResourceManager):
    """PyVISA's own resource manager over the instruments of a server; made by `visa_manager`.

    What `open_resource` returns is PyVISA's resource class of the address, so that all its methods and attributes are
    there. It can be used as a context manager, and `list_resources` shows all instruments of the lab by default,
    sockets too.
    """

    def __enter__(self) -> VisaManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def list_resources(self, query: str = "?*") -> tuple[str, ...]:
        """Return the addresses of the lab's instruments that match a VISA expression."""
        found: tuple[str, ...] = super().list_resources(query)
        return found


def visa_manager(address: str = DEFAULT_ADDRESS, timeout_s: float = 10.0) -> VisaManager:
    """Return a drop-in for ``pyvisa.ResourceManager()`` whose instruments stay the server's.

    `open_resource` takes an instrument's address as lab.toml has it, or its name there. Texts are matched against the
    commands that the driver declares: settings meet the limits of lab.toml, other people's leases are respected, and
    what matches nothing is refused unless lab.toml says ``allow_raw = true`` for the instrument. A lock
    (`lock_excl`, ``access_mode=AccessModes.exclusive_lock``) is a lease.

    Parameters
    ----------
    address : str
        Of the server, as `qctl serve` prints it.
    timeout_s : float
        Longest wait for an answer of the server itself; instruments have the longer of lab.toml's time-out and the
        resource's.

    Returns
    -------
    VisaManager
        A `pyvisa.ResourceManager`; the same one for the same address until it is closed, as PyVISA has it.

    Raises
    ------
    WireError
        If nothing answers at the address.
    """
    library = ServerLibrary(address)
    library.attach(lambda: connect(address, timeout_s))
    return VisaManager(library)
