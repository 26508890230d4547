"""`synth clients`."""

from __future__ import annotations

import click


@click.command()
@click.argument("instrument", required=False, type=click.Path())
@click.option("--out", default="clients", show_default=True, type=click.Path(),
              help="Folder for them.")  # fmt: skip
@click.option("--osc-host", default="127.0.0.1", show_default=True, help="Where OSC is taken.")
@click.option("--osc-port", type=click.IntRange(1, 65535), default=9000, show_default=True,
              help="UDP port of OSC.")  # fmt: skip
@click.option("--trust", is_flag=True, help="Open TorchScript files, which are programs.")
def clients(instrument: str | None, out: str, osc_host: str, osc_port: int, trust: bool) -> None:
    """Patches and scripts with the controls of INSTRUMENT for Pure Data, SuperCollider, Python, Max
    and TouchDesigner (INSTRUMENT: a file or a bundled name; without any, default)."""
    from realtime.clients.write import write_clients

    for path in write_clients(instrument, out, host=osc_host, port=osc_port, trust=trust):
        click.echo(str(path))
