"""`synth clients`."""

from __future__ import annotations

import click


@click.command()
@click.argument("instrument", required=False, type=click.Path())
@click.option("--out", default="clients", show_default=True, type=click.Path(),
              help="Folder to write to.")  # fmt: skip
@click.option(
    "--osc-host", default="127.0.0.1", show_default=True, help="Address that receives OSC."
)
@click.option("--osc-port", type=click.IntRange(1, 65535), default=9000, show_default=True,
              help="UDP port that receives OSC.")  # fmt: skip
@click.option("--trust", is_flag=True, help="Open TorchScript files (they are programs).")
def clients(instrument: str | None, out: str, osc_host: str, osc_port: int, trust: bool) -> None:
    """Write patches and scripts with the controls of INSTRUMENT, for Pure Data, SuperCollider,
    Python, Max and TouchDesigner.

    INSTRUMENT is a file or the name of a bundled instrument; without it, default.

    \b
    synth clients runs/mine/mine.onnx --out patches
    """
    from realtime.clients.write import write_clients

    for path in write_clients(instrument, out, host=osc_host, port=osc_port, trust=trust):
        click.echo(str(path))
