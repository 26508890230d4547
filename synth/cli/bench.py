"""`synth bench`."""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("instrument", required=False, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--rate", default=48_000, show_default=True, help="Sample rate of the device, Hz.")
@click.option("--block", default=256, show_default=True, help="Frames per block of the load row.")
@click.option("--voices", default=8, show_default=True, help="Notes at a time.")
@click.option("--seconds", default=2.0, show_default=True, help="Audio made per row.")
@click.option("--trust", is_flag=True, help="Open TorchScript files, which are programs.")
def bench(
    instrument: str | None,
    as_json: bool,
    rate: int,
    block: int,
    voices: int,
    seconds: float,
    trust: bool,
) -> None:
    """How fast INSTRUMENT is here, and how late: declared, and measured by impulse."""
    from realtime.session.bench import format_report, measure

    report = measure(
        instrument, sample_rate=rate, block=block, voices=voices, seconds=seconds, trust=trust
    )
    click.echo(json.dumps(report) if as_json else format_report(report))
