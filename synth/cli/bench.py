"""`synth bench`."""

from __future__ import annotations

import json

import click

from synth.cli.terminal.output import print_answer


@click.command()
@click.argument("instrument", required=False, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--rate", default=48_000, show_default=True, help="Sample rate of the device, Hz.")
@click.option("--block", default=256, show_default=True, help="Frames per block, for the load.")
@click.option("--voices", default=8, show_default=True, help="Notes that can sound at once.")
@click.option("--seconds", default=2.0, show_default=True, help="Seconds of audio per row.")
@click.option("--trust", is_flag=True, help="Open TorchScript files (they are programs).")
def bench(
    instrument: str | None,
    as_json: bool,
    rate: int,
    block: int,
    voices: int,
    seconds: float,
    trust: bool,
) -> None:
    """Measure how fast INSTRUMENT runs on this machine, and its latency.

    The report shows the latency as declared and as measured with an impulse.

    \b
    synth bench runs/mine/mine.onnx --block 128
    """
    from realtime.session.bench import format_report, measure

    report = measure(
        instrument, sample_rate=rate, block=block, voices=voices, seconds=seconds, trust=trust
    )
    print_answer(json.dumps(report) if as_json else format_report(report))
