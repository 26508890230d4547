"""`synth export`."""

from __future__ import annotations

import click


@click.command()
@click.argument("model", type=click.Path())
@click.option("--as", "form",
              help="codec: effect or sampler; samplernn, inr: generator")  # fmt: skip
@click.option("--format", "format_", default="onnx", show_default=True,
              help="onnx; of an effect or an inr also torchscript or all")  # fmt: skip
@click.option("--out", type=click.Path(), help="Folder for the files.  [default: the model's]")
@click.option("--name", help="Name of the instrument.  [default: the run's]")
@click.option("--sounds", type=click.Path(),
              help="Recordings: a sampler's bank, or what a samplernn's notes start from."
              "  [default: the training data]")  # fmt: skip
@click.option("--max-seconds", type=float,
              help="Of each recording.  [default: 10; samplernn: 600]")  # fmt: skip
@click.option("--weights", default="fp32", show_default=True, help="Generator: fp32 or int8.")
@click.option("--sample-rate", type=int,
              help="Of an inr's output, Hz.  [default: the training's]")  # fmt: skip
def export(
    model: str,
    form: str | None,
    format_: str,
    out: str | None,
    name: str | None,
    sounds: str | None,
    max_seconds: float | None,
    weights: str,
    sample_rate: int | None,
) -> None:
    """Make MODEL (a model.pt) playable: one self-describing file, proved equal to the model.

    \b
    synth export runs/mine/model.pt --as sampler
    synth export runs/mine/model.pt --as effect --name mine_fx
    """
    from export.chain import export_model

    for file in export_model(
        model,
        form=form,
        format=format_,
        out=out,
        name=name,
        sounds=sounds,
        max_seconds=max_seconds,
        weights=weights,
        sample_rate=sample_rate,
    ):
        parity = file.manifest.provenance.get("parity", 0.0)
        click.echo(f"{file.path}  {file.size / 1e6:.2f} MB, differs from the model by {parity:.1e}")
