"""`progress`: a bar on stderr that shows how far a command is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol


class Show(Protocol):
    """Takes the amount done and the total, and a new title of the bar where there is one."""

    def __call__(self, done: int, whole: int, title: str | None = None) -> None: ...


@contextlib.contextmanager
def progress(title: str) -> Iterator[Show]:
    """Show a bar that goes away at the end; nothing if stderr is no terminal.

    Args:
        title: text before the bar.

    Yields:
        A function to call with the amount done and the total; it may have a new title, too.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, markup=False, emoji=False)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)

        def show(done: int, whole: int, title: str | None = None) -> None:
            bar.update(task, completed=done, total=whole, description=title)

        yield show
