"""A port to what speaks no lines: each line of text is carried out as something else, and answered in one piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qctl.instruments.links.shared_line import SharedLine

__all__ = ["WordedPort"]


class WordedPort:
    """One instrument's share of a line; what it is told in text, a subclass's `take` turns into what is spoken there.

    Parameters
    ----------
    line : SharedLine
        Open; it is left when the port is closed.
    """

    is_stream = False

    def __init__(self, line: SharedLine) -> None:
        self._shared = line
        self._due: Callable[[], str] | None = None
        self._answer = b""
        self._is_open = True

    def take(self, text: str) -> Callable[[], str] | None:
        """Carry out a line, or return what carries it out when its answer is asked for, and answers.

        Raises
        ------
        TimeoutError
            If nothing is read or answered.
        PortClosedError
            If the connection broke.
        RequestError
            If the text is none that is known; nothing was sent.
        """
        return None

    def close(self) -> None:
        """Leave the line; the others that share it stay."""
        if self._is_open:
            self._is_open = False
            self._shared.leave()

    def send(self, parts: Sequence[bytes | memoryview], timeout_s: float) -> None:
        """Take one line; raise as `take` does."""
        self._due, self._answer = None, b""
        self._due = self.take(b"".join(parts).decode("ascii").strip())

    def line(self, max_bytes: int, timeout_s: float) -> bytes:
        """Carry out what was sent last, and return its answer.

        Raises
        ------
        TimeoutError
            If the instrument is silent.
        PortClosedError
            If the connection broke, or something else answered.
        """
        return self.receive(-1, timeout_s)

    def receive(self, n_bytes: int, timeout_s: float) -> bytes:
        """Carry out what was sent last, and return the first bytes of its answer, or all; raise as `line` does."""
        if self._due is not None:
            due, self._due = self._due, None
            self._answer = due().encode("latin-1", "replace") + b"\n"
        n_taken = len(self._answer) if n_bytes < 0 else n_bytes
        taken, self._answer = self._answer[:n_taken], self._answer[n_taken:]
        return taken

    def unread(self) -> bytes:
        """Return nothing: the line looks after what comes unasked."""
        return b""

    def listen(self, timeout_s: float) -> bytes:
        """Return nothing: the line listens to what comes unasked."""
        return b""

    def keep_pace(self, begin_s: float, got: bytes | bytearray, timeout_s: float) -> None:
        """Do nothing: answers come whole."""
