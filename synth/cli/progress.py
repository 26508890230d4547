"""`progress`: a bar on stderr that shows how far a command is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar that goes away at the end; nothing if stderr is no terminal.

    Args:
        title: text before the bar.

    Yields:
        A function to call with the amount done and the total.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, markup=False, emoji=False)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)

        def show(done: int, whole: int) -> None:
            bar.update(task, completed=done, total=whole)

        yield show
