"""A VISA library for PyVISA whose resources are a server's instruments; no bytes but the server's own leave here.

Source: PyVISA's `VisaLibraryBase` (what a back end offers), VPP-4.3 (VISA library) for attributes and status codes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pyvisa import constants, rname
from pyvisa.constants import AccessModes, InterfaceType, ResourceAttribute, StatusCode
from pyvisa.errors import InvalidSession, VisaIOError
from pyvisa.highlevel import ResourceInfo, VisaLibraryBase

from qctl.client import Lab
from qctl.errors import DeviceTimeoutError, QctlError, RequestError
from qctl.integrations.visa_message import Message, split_message

__all__ = ["ServerLibrary"]

_LEASE_S = 10.0
_LONGEST_S = 3600.0
_OK = StatusCode.success


@dataclass(slots=True)
class _Resource:
    """One open resource: the instrument's name and address, its attributes, and answers that wait to be read."""

    name: str
    address: str
    attributes: dict[int, Any]
    answers: list[memoryview | DeviceTimeoutError] = field(default_factory=list)
    leased: bool = False

    @property
    def timeout_s(self) -> float:
        """Return how long the script would wait for an answer."""
        timeout_ms = int(self.attributes[ResourceAttribute.timeout_value])
        return _LONGEST_S if timeout_ms == constants.VI_TMO_INFINITE else timeout_ms / 1000


class ServerLibrary(VisaLibraryBase):
    """PyVISA's back end over one server; one for each address in a process, as PyVISA keeps them."""

    _connect: Callable[[], Lab]
    _lab: Lab | None
    _open: dict[int, _Resource]

    def _init(self) -> None:
        self._lab = None
        self._open = {}
        self._numbers = itertools.count(1)

    def attach(self, connect: Callable[[], Lab]) -> None:
        """Take what connects to the server; a connection that stands is kept."""
        self._connect = connect

    @property
    def lab(self) -> Lab:
        """Return the connection to the server."""
        if self._lab is None:
            raise InvalidSession()
        return self._lab

    def _resource(self, session: int) -> _Resource:
        try:
            return self._open[session]
        except KeyError:
            raise InvalidSession() from None

    def _status(self, session: Any, status: StatusCode = _OK) -> StatusCode:
        return self.handle_return_value(session, status)

    # -- the manager -----------------------------------------------------------------------------

    def open_default_resource_manager(self) -> tuple[Any, StatusCode]:
        """Connect to the server."""
        if self._lab is None:
            self._lab = self._connect()
        session = next(self._numbers)
        return session, self._status(session)

    def list_resources(self, session: Any, query: str = "?*::INSTR") -> tuple[str, ...]:
        """Return the addresses of the lab's instruments that match a VISA expression."""
        found: tuple[str, ...] = rname.filter(list(self._addresses().values()), query)
        return found

    def _addresses(self) -> dict[str, str]:
        return {name: instrument.address for name, instrument in self.lab.description.instruments.items()}

    def _find(self, resource_name: str) -> tuple[str, str]:
        """Return name and address of the instrument that is meant by its name or its address."""
        addresses = self._addresses()
        if resource_name in addresses:
            return resource_name, addresses[resource_name]
        wanted = _canonical(resource_name)
        for name, address in addresses.items():
            if _canonical(address) == wanted:
                return name, address
        known = ", ".join(f"{name} ({address})" for name, address in addresses.items())
        raise RequestError(f"{resource_name} is no instrument of the lab {self.lab.name}; it has {known}")

    def parse_resource_extended(self, session: Any, resource_name: str) -> tuple[ResourceInfo, StatusCode]:
        """Return interface and class of an instrument; its name in lab.toml is its alias."""
        name, address = self._find(resource_name)
        info, status = super().parse_resource_extended(session, address)
        if status is not _OK:
            info = ResourceInfo(InterfaceType.asrl, None, "INSTR", address, None)
        return info._replace(alias=name), self._status(session)

    # -- resources -------------------------------------------------------------------------------

    def open(
        self,
        session: Any,
        resource_name: str,
        access_mode: AccessModes = AccessModes.no_lock,
        open_timeout: int = constants.VI_TMO_IMMEDIATE,
    ) -> tuple[Any, StatusCode]:
        """Open an instrument by name or address; an exclusive lock is a lease."""
        name, address = self._find(resource_name)
        info, _ = self.parse_resource_extended(session, resource_name)
        attributes: dict[int, Any] = {
            ResourceAttribute.timeout_value: 2000,
            ResourceAttribute.termchar: ord("\n"),
            ResourceAttribute.termchar_enabled: constants.VI_FALSE,
            ResourceAttribute.send_end_enabled: constants.VI_TRUE,
            ResourceAttribute.interface_type: info.interface_type,
            ResourceAttribute.interface_number: info.interface_board_number or 0,
            ResourceAttribute.resource_class: info.resource_class,
            ResourceAttribute.resource_name: address,
            ResourceAttribute.resource_manufacturer_name: "qctl",
        }
        resource = _Resource(name, address, attributes)
        if access_mode != AccessModes.no_lock:
            self._lease(resource)
        number = next(self._numbers)
        self._open[number] = resource
        return number, self._status(number)

    def close(self, session: Any) -> StatusCode:
        """Close a resource, or, with the manager's session, the connection."""
        resource = self._open.pop(session, None)
        if resource is None:
            self._open.clear()
            if self._lab is not None:
                self._lab.close()
                self._lab = None
        elif resource.leased and self._lab is not None:
            with suppress(QctlError):
                self._lab.release(resource.name)
        return _OK

    def get_attribute(self, session: Any, attribute: Any) -> tuple[Any, StatusCode]:
        """Return an attribute of a resource."""
        attributes = self._resource(session).attributes
        if attribute == ResourceAttribute.resource_lock_state:
            return (AccessModes.exclusive_lock if self._resource(session).leased else AccessModes.no_lock), _OK
        if attribute not in attributes:
            self._status(session, StatusCode.error_nonsupported_attribute)
        return attributes[attribute], self._status(session)

    def set_attribute(self, session: Any, attribute: ResourceAttribute, attribute_state: Any) -> StatusCode:
        """Set an attribute; those of a transport (baud rate, keep-alive) are kept, the server's link has its own."""
        self._resource(session).attributes[attribute] = attribute_state
        return self._status(session)

    def lock(
        self, session: Any, lock_type: constants.Lock, timeout: int, requested_key: str | None = None
    ) -> tuple[str, StatusCode]:
        """Take a lease of the instrument; somebody else's raises LeaseError at once."""
        self._lease(self._resource(session))
        return requested_key or "", self._status(session)

    def unlock(self, session: Any) -> StatusCode:
        """End the lease."""
        resource = self._resource(session)
        self.lab.release(resource.name)
        resource.leased = False
        return self._status(session)

    def _lease(self, resource: _Resource) -> None:
        self.lab.lease([resource.name], _LEASE_S)
        resource.leased = True

    # -- messages --------------------------------------------------------------------------------

    def write(self, session: Any, data: bytes) -> tuple[int, StatusCode]:
        """Have the server carry out one message; what it answers waits for `read`.

        Raises
        ------
        VisaIOError
            If the instrument did not confirm a setting in time. For a query, `read` raises it.
        QctlError
            If the server refuses the message: limits, leases, no declared command.
        """
        resource = self._resource(session)
        message = split_message(bytes(data))
        try:
            answer = self._ask(resource, message)
        except DeviceTimeoutError as error:
            if not message.asks:
                raise self._timed_out(session) from error
            resource.answers.append(error)
        else:
            if answer is not None:
                end = bytes([int(resource.attributes[ResourceAttribute.termchar])])
                resource.answers.append(memoryview(answer + end))
        return len(data), self._status(session)

    def _ask(self, resource: _Resource, message: Message) -> bytes | None:
        if not message.text:
            return None
        answer = self.lab.instruments[resource.name].raw(message.text, message.block, resource.timeout_s)
        return answer.encode("latin-1") if isinstance(answer, str) else answer

    def _timed_out(self, session: Any) -> VisaIOError:
        self._last_status = self._last_status_in_session[session] = StatusCode.error_timeout
        return VisaIOError(StatusCode.error_timeout)

    def read(self, session: Any, count: int) -> tuple[bytes, StatusCode]:
        """Return at most `count` bytes of the oldest answer.

        Raises
        ------
        VisaIOError
            If the instrument did not answer in time, or nothing has been asked.
        """
        resource = self._resource(session)
        if not resource.answers:
            raise self._timed_out(session)
        answer = resource.answers.pop(0)
        if isinstance(answer, DeviceTimeoutError):
            raise self._timed_out(session) from answer
        if len(answer) > count:
            resource.answers.insert(0, answer[count:])
            return bytes(answer[:count]), self._status(session, StatusCode.success_max_count_read)
        return bytes(answer), self._status(session)

    def clear(self, session: Any) -> StatusCode:
        """Drop answers that were not read."""
        self._resource(session).answers.clear()
        return self._status(session)

    def flush(self, session: Any, mask: constants.BufferOperation) -> StatusCode:
        """Drop answers that were not read."""
        return self.clear(session)

    def read_stb(self, session: Any) -> tuple[int, StatusCode]:
        """Ask for the status byte."""
        answer = self._ask(self._resource(session), Message("*STB?"))
        return int(answer or b"0"), self._status(session)

    def assert_trigger(self, session: Any, protocol: constants.TriggerProtocol) -> StatusCode:
        """Send a trigger, if the instrument may be sent one."""
        self._ask(self._resource(session), Message("*TRG"))
        return self._status(session)

    # -- events, which the server's links don't have ---------------------------------------------

    def disable_event(self, session: Any, event_type: Any, mechanism: Any) -> StatusCode:
        """Do nothing: there are no events."""
        return _OK

    def discard_events(self, session: Any, event_type: Any, mechanism: Any) -> StatusCode:
        """Do nothing: there are no events."""
        return _OK


def _canonical(address: str) -> str:
    """Return an address as PyVISA completes it, for comparison."""
    try:
        return str(rname.ResourceName.from_string(address)).lower()
    except rname.InvalidResourceName:
        return address.lower()
