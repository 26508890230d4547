"""`synth export`: its flags come from the table of families."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from export.flags import form_help, format_help, option_flags


def _family_options(command: Callable[..., None]) -> Callable[..., None]:
    """One flag for each setting that some families have."""
    for flag in reversed(option_flags()):
        kind = click.Path() if flag.type is Path else flag.type
        command = click.option(
            "--" + flag.name.replace("_", "-"), flag.name, type=kind, help=flag.help
        )(command)
    return command


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=click.Path())
@click.option("--as", "form", help=form_help())
@click.option("--format", default="onnx", show_default=True, help=format_help())
@click.option("--out", type=click.Path(), help="Folder for the files.  [default: the model's]")
@click.option("--name", help="Name of the instrument.  [default: the run's]")
@_family_options
def export(models: tuple[str, ...], **settings: Any) -> None:
    """Make MODEL playable: one self-describing file, proved equal to the model.

    MODEL is a model.pt. Or it is one patch of a voice or several (.json, as synth match writes
    them): they become the bank of an instrument, which begins with the first one.

    \b
    synth export runs/mine/model.pt --as sampler
    synth export runs/mine/model.pt --as effect --name mine_fx
    synth export bell.json pad.json --name mine
    """
    from export.export_files import export_files

    for file in export_files(models, on_notice=lambda text: click.echo(text, err=True), **settings):
        click.echo(f"{file.path}  {file.size / 1e6:.2f} MB, {file.difference}")
