"""`synth report`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from synth.cli.terminal.output import print_answer


class ReportCommand(click.Command):
    """Its help ends with the families whose runs can be reported, read when it is asked for."""

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        from training.families import reported_families

        formatter.write_paragraph()
        families = ", ".join(reported_families())
        formatter.write_text(f"Runs of these families can be reported: {families}.")


@click.command(cls=ReportCommand)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path),
              help="Their recordings, if moved.  [default: where each found them]")  # fmt: skip
@click.option("--sounds", default=0, type=click.IntRange(min=0),
              help="At most so many sounds of each run; 0 is all.")  # fmt: skip
@click.option("--cdpam/--no-cdpam", default=None,
              help="Measure CDPAM, slowly.  [default: where it is installed]")  # fmt: skip
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of decoded audio.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", is_flag=True, help="Print tables of Markdown.")
def report(
    runs: tuple[Path, ...],
    data: Path | None,
    sounds: int,
    cdpam: bool | None,
    cache: Path | None,
    as_json: bool,
    markdown: bool,
) -> None:
    """How well the models of RUNS know their sounds, beside silence and noise.

    Runs that differ in their seed alone make one row: mean and standard deviation.

    \b
    synth report runs/* --markdown
    """
    from training.report.comparison import report as measure
    from training.report.text import as_data, as_markdown, as_text

    if as_json and markdown:
        raise click.UsageError("--json and --markdown are two forms of the same; leave one out")
    rows = measure(
        runs,
        data=data,
        sounds=sounds,
        cdpam=cdpam,
        cache=cache,
        say=lambda text: click.echo(text, err=True),
    )
    if as_json:
        print_answer(json.dumps(as_data(rows), indent=2))
    else:
        print_answer(as_markdown(rows) if markdown else as_text(rows))
