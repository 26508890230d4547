"""`progress`: how far a command is, as a bar on the terminal's stderr."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar that goes away at the end; nothing where stderr is no terminal.

    Args:
        title: of the bar.

    Yields:
        a function to be called with what is done and with the whole.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, markup=False, emoji=False)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)

        def show(done: int, whole: int) -> None:
            bar.update(task, completed=done, total=whole)

        yield show
