"""`synth export`."""

from __future__ import annotations

import click


@click.command()
@click.argument("model", type=click.Path())
@click.option("--as", "form", default="effect", show_default=True, help="effect or sampler")
@click.option("--format", "format_", default="onnx", show_default=True,
              help="onnx, torchscript or all")  # fmt: skip
@click.option("--out", type=click.Path(), help="Folder for the files.  [default: the model's]")
@click.option("--name", help="Name of the instrument.  [default: the run's]")
@click.option("--sounds", type=click.Path(),
              help="Sampler: recordings for the bank.  [default: the training data]")  # fmt: skip
@click.option("--max-seconds", default=10.0, show_default=True,
              help="Sampler: how much of each recording is kept.")  # fmt: skip
def export(
    model: str,
    form: str,
    format_: str,
    out: str | None,
    name: str | None,
    sounds: str | None,
    max_seconds: float,
) -> None:
    """Make MODEL (a model.pt) playable: one self-describing file, proved equal to the model."""
    from export.chain import export_model

    for file in export_model(
        model, form=form, format=format_, out=out, name=name, sounds=sounds, max_seconds=max_seconds
    ):
        parity = file.manifest.provenance.get("parity", 0.0)
        click.echo(f"{file.path}  {file.size / 1e6:.2f} MB, differs from the model by {parity:.1e}")
