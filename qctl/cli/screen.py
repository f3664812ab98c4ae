"""What a command shows while it works: steps with their times and a progress line, on standard error."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

__all__ = ["Screen"]


class Screen:
    """Show steps and progress to people; a quiet screen shows nothing.

    Parameters
    ----------
    quiet : bool
        For commands whose output a program reads.
    """

    def __init__(self, quiet: bool = False) -> None:
        from rich.console import Console

        self.quiet = quiet
        self._console = Console(stderr=True, quiet=quiet, highlight=False)

    def say(self, text: str) -> None:
        """Show one line."""
        self._console.print(text, markup=False)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show that a step runs, and how long it took."""
        begun = time.perf_counter()
        with self._console.status(name):
            yield
        self.say(f"{name}: {time.perf_counter() - begun:.1f} s")

    @contextlib.contextmanager
    def progress(self, name: str) -> Iterator[Callable[[str, int, int], None]]:
        """Show a bar from the first call on; it takes the current part, how many are done, and how many there are."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        bar = Progress(*columns, console=self._console, disable=self.quiet)
        row = bar.add_task(name, total=None)

        def update(part: str, done: int, total: int) -> None:
            bar.update(row, completed=done, total=total, description=f"{name}: {part}" if part else name)
            bar.start()

        try:
            yield update
        finally:
            if bar.live.is_started:
                bar.stop()
