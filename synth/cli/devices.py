"""`synth devices`."""

from __future__ import annotations

import json

import click

from synth.cli.terminal.output import print_answer


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def devices(as_json: bool) -> None:
    """List audio devices and MIDI ports.

    \b
    synth devices
    """
    from realtime.session.info import format_devices, list_everything

    found = list_everything()
    print_answer(json.dumps(found) if as_json else format_devices(found))
