"""Sessions and leases, as pure state: who is there, and who holds which instrument until when."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from qctl.errors import LeaseError, RequestError

__all__ = ["ALL", "Access", "Session", "owner_of"]

ALL = "*"

_LONGEST_TTL_S = 3600.0
_LONGEST_NAME = 100
_LONGEST_IDLE_S = 3600.0
_MOST_SESSIONS = 10_000
_LOOK_EVERY_S = 60.0
_UNNAMED = "client"


@dataclass(slots=True)
class Session:
    """One client, by its secret token; it may come back with another socket.

    Attributes
    ----------
    token : str
        Known to the client and the server only.
    name : str
        What others see.
    held : dict of str to float
        Instrument → seconds that the lease lasts after a sign of life.
    expires_s : dict of str to float
        Instrument → when its lease ends.
    kept : dict of str to frozenset of str
        Instrument → parameters that the holder set during the lease, `ALL` for all; its runs leave them alone.
    identities : set of bytes
        Sockets that the session came by.
    seen_s : float
        When its last request came.
    """

    token: str
    name: str
    held: dict[str, float] = field(default_factory=dict)
    expires_s: dict[str, float] = field(default_factory=dict)
    kept: dict[str, frozenset[str]] = field(default_factory=dict)
    identities: set[bytes] = field(default_factory=set)
    seen_s: float = 0.0


class Access:
    """Sessions by identity of their socket, and leases by instrument. Times are handed in."""

    def __init__(self) -> None:
        self._by_identity: dict[bytes, Session] = {}
        self._by_token: dict[str, Session] = {}
        self._holders: dict[str, Session] = {}
        self._n_named = 0
        self._look_s = 0.0

    def greet(self, identity: bytes, name: str, token: str, now_s: float = 0.0) -> Session:
        """Return the session of a client that says hello; a known token resumes its session."""
        session = self._by_token.get(token) if token else None
        if session is None:
            self._n_named += 1
            # The keeper reads whose job it is up to the first control character; leases compare these names.
            name = "".join(letter for letter in name[:_LONGEST_NAME] if letter.isprintable())
            session = Session(secrets.token_hex(16), f"{name or _UNNAMED}-{self._n_named}", seen_s=now_s)
            self._by_token[session.token] = session
        before = self._by_identity.get(identity)
        if before is not None and before is not session:
            self._leave(before, identity)
        self._by_identity[identity] = session
        session.identities.add(identity)
        return session

    def _leave(self, session: Session, identity: bytes) -> None:
        """Take a socket from a session; one without any socket, lease or name of its own is forgotten."""
        session.identities.discard(identity)
        if not session.identities and not session.held and session.name.startswith(f"{_UNNAMED}-"):
            self._by_token.pop(session.token, None)

    def session(self, identity: bytes, now_s: float) -> Session:
        """Return the session of a socket, and keep its leases alive."""
        session = self._by_identity.get(identity)
        if session is None:
            session = self.greet(identity, "", "", now_s)
        session.seen_s = now_s
        for name, ttl_s in session.held.items():
            session.expires_s[name] = now_s + ttl_s
        return session

    def take(self, session: Session, names: Iterable[str], ttl_s: float, take_over: bool, now_s: float) -> float:
        """Lease instruments, all or none, and return when the lease ends without a sign of life.

        Raises
        ------
        LeaseError
            If somebody else holds one of them, and it is not to be taken over.
        RequestError
            If the time to live is not above 0 and at most an hour.
        """
        if not 0 < ttl_s <= _LONGEST_TTL_S:
            raise RequestError(f"ttl_s = {ttl_s:g} is outside (0, {_LONGEST_TTL_S:g}]")
        wanted = list(names)
        if not take_over:
            for name in wanted:
                self.check(session, name)
        for name in wanted:
            old = self._holders.get(name)
            if old is not None:
                self._drop(old, name)
            self._holders[name] = session
            session.held[name] = ttl_s
            session.expires_s[name] = now_s + ttl_s
        return now_s + ttl_s

    def give_back(self, session: Session, names: Iterable[str]) -> list[str]:
        """End this session's leases of some instruments, or of all when none is named; return their names."""
        ended = [name for name in (list(names) or list(session.held)) if name in session.held]
        for name in ended:
            self._drop(session, name)
        return ended

    def check(self, session: Session, name: str) -> None:
        """Refuse to touch an instrument that another session holds.

        Raises
        ------
        LeaseError
            Naming the holder.
        """
        holder = self._holders.get(name)
        if holder is not None and holder is not session:
            raise LeaseError(f"{name} is held by {holder.name}", instrument=name, holder=holder.name)

    def expire(self, now_s: float) -> list[tuple[str, str]]:
        """End leases without a sign of life; return (instrument, holder) of each."""
        ended = [(name, holder) for name, holder in self._holders.items() if holder.expires_s.get(name, now_s) < now_s]
        for name, holder in ended:
            self._drop(holder, name)
        return [(name, holder.name) for name, holder in ended]

    def forget_idle(self, now_s: float) -> int:
        """Forget sessions without a lease that gave no sign of life for an hour, or are too many; return how many.

        Their jobs go on: those are found by the client's name, which the queue keeps.
        """
        n_over = len(self._by_token) - _MOST_SESSIONS
        if n_over <= 0 and now_s < self._look_s:
            return 0
        self._look_s = now_s + _LOOK_EVERY_S
        idle = sorted((item for item in self._by_token.values() if not item.held), key=lambda item: item.seen_s)
        n_least = n_over + _MOST_SESSIONS // 10 if n_over > 0 else 0
        ended = [item for n, item in enumerate(idle) if n < n_least or now_s - item.seen_s > _LONGEST_IDLE_S]
        for session in ended:
            del self._by_token[session.token]
            for identity in session.identities:
                self._by_identity.pop(identity, None)
        return len(ended)

    def keep(self, session: Session, name: str, parameters: Iterable[str]) -> bool:
        """Note what the holder of a lease sets by hand; return whether there is anything new to keep."""
        if name not in session.held:
            return False
        before = session.kept.get(name, frozenset())
        session.kept[name] = before | frozenset(parameters)
        return session.kept[name] != before

    def forget_kept(self, names: Iterable[str]) -> bool:
        """Forget what holders set by hand on instruments that lost it; return whether there was anything."""
        lost = [self._holders[name].kept.pop(name, None) for name in names if name in self._holders]
        return any(lost)

    def kept(self) -> dict[str, tuple[str, ...]]:
        """Return instrument → parameters that its holder set by hand."""
        return {
            name: tuple(sorted(found)) for session in self._holders.values() for name, found in session.kept.items()
        }

    def held(self) -> dict[str, str]:
        """Return instrument → name of the session that holds it."""
        return {name: holder.name for name, holder in self._holders.items()}

    def _drop(self, session: Session, name: str) -> None:
        session.held.pop(name, None)
        session.expires_s.pop(name, None)
        session.kept.pop(name, None)
        self._holders.pop(name, None)


def owner_of(client: str) -> str:
    """Return whose a session is, by its name: ``ann@pc`` of ``ann@pc:4711-12``; a client without a name is its own."""
    told = client.rpartition("-")[0]
    return client if told == _UNNAMED else told.partition(":")[0]
