"""`synth doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """List what is installed, what is missing, and the command that fixes it."""
    from realtime.session.doctor import examine

    checks = examine()
    if as_json:
        click.echo(json.dumps([asdict(c) for c in checks]))
        return
    for check in checks:
        click.echo(f"{'ok     ' if check.ok else 'missing'}  {check.name}: {check.detail}")
        if check.remedy and not check.ok:
            click.echo(f"         -> {check.remedy}")
