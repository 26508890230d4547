"""`synth info`."""

from __future__ import annotations

import json

import click

from synth.cli.terminal.output import print_answer


@click.command()
@click.argument("file", required=False, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(file: str | None, as_json: bool) -> None:
    """Describe the instrument FILE and list its sounds and controls.

    FILE is a file or the name of a bundled instrument (default, bassoon, modular,
    morph, timbre); without it, default.

    \b
    synth info runs/mine/mine.onnx
    """
    from realtime.session.info import describe_file, format_description

    description = describe_file(file)
    print_answer(json.dumps(description) if as_json else format_description(description))
