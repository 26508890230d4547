"""`synth doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from synth.cli.terminal.output import print_answer

if TYPE_CHECKING:
    from realtime.session.doctor import Check


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """List what is installed, what is missing, and the command that fixes it.

    \b
    synth doctor
    """
    from realtime.session.doctor import examine

    checks = examine()
    print_answer(json.dumps([asdict(c) for c in checks]) if as_json else _as_text(checks))


def _as_text(checks: list[Check]) -> str:
    lines = []
    for check in checks:
        lines.append(f"{'ok     ' if check.ok else 'missing'}  {check.name}: {check.detail}")
        if check.remedy and not check.ok:
            lines.append(f"         -> {check.remedy}")
    return "\n".join(lines)
