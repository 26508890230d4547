"""`synth fetch`."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("name")
@click.option("-o", "--out", type=click.Path(path_type=Path),
              help="Folder for data sets.  [default: ~/.local/share/synth/datasets]")  # fmt: skip
@click.option("-y", "--yes", is_flag=True, help="Download without asking.")
@click.option("--mirror", help="Web folder that has the archive.  [env: SYNTH_MIRROR]")
def fetch(name: str, out: Path | None, yes: bool, mirror: str | None) -> None:
    """Download the data set NAME, verify and extract it. Continues a broken download.

    \b
    synth fetch SPEECHCOMMANDS
    synth fetch NSYNTH.diverse_baseline
    synth fetch 'NSYNTH?family=guitar,mallet&pitch=24-84&velocity=100'
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from training.data.datasets.fetch import Talk
    from training.data.datasets.fetch import fetch as fetch_set

    def ask(question: str) -> bool:
        if yes:
            click.echo(question, err=True)
            return True
        try:
            return click.confirm(f"{question}. Go on?", err=True)
        except click.Abort:
            if sys.stdin.isatty():
                raise
            raise click.UsageError(
                "there is no terminal to ask on; --yes downloads without asking"
            ) from None

    console = Console(stderr=True, emoji=False)
    bars = Progress(
        TextColumn("{task.description}", markup=False), BarColumn(20), DownloadColumn(),
        TransferSpeedColumn(), TimeRemainingColumn(), console=console,
        disable=not console.is_terminal,
    )  # fmt: skip
    tasks: dict[str, TaskID] = {}

    def progress(what: str, done: int, total: int) -> None:
        if what not in tasks:
            bars.start()
            tasks[what] = bars.add_task(what)
        bars.update(tasks[what], completed=done, total=total or None)

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    try:
        folder = fetch_set(name, Talk(ask, say, progress), out, mirror)
    finally:
        bars.stop()
    click.echo(folder)
