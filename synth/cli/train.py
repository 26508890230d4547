"""`synth train FAMILY DATA`: from recordings to model.pt. Flags come from the config classes."""

from __future__ import annotations

import json
import sys
import time
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import click

from synth.cli.descriptions import descriptions
from synth.cli.terminal.output import print_answer


class FamilyGroup(click.Group):
    """One sub-command per family, built when asked for, so that `synth --help` needs no torch."""

    def list_commands(self, context: click.Context) -> list[str]:
        from training.families import TRAINING

        return sorted(TRAINING)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        from training.families import TRAINING

        return family_command(name) if name in TRAINING else None

    def format_help_text(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        from training.families import TRAINING

        super().format_help_text(context, formatter)
        with formatter.indentation():
            formatter.write_paragraph()
            for row in TRAINING.values():
                formatter.write_text(row.example)


@click.command(cls=FamilyGroup)
def train() -> None:
    """Train a model on your own recordings."""


def family_command(family: str) -> click.Command:
    """The command that trains `family`, with a flag for every setting of model and run."""
    begun = time.monotonic()
    from synth.models import FAMILIES
    from training.families import TRAINING

    row = TRAINING[family]
    presets = list(FAMILIES[family].presets)
    classes = (row.config, FAMILIES[family].config)
    names = [f.name for cls in classes for f in fields(cls) if f.name not in row.hidden]

    def run(**given: Any) -> int:
        flags = {n: given.pop(n) for n in names}
        return _run(family, {n: v for n, v in flags.items() if v is not None}, begun=begun, **given)

    options: list[click.Parameter] = [
        click.Argument(["data"], type=click.Path(path_type=Path), required=False),
        click.Option(["--preset"], type=click.Choice(presets), help="Size of the model."),
        click.Option(
            ["data_flag", "-i", "--in", *_flags(row.aliases.get("data", ()))],
            type=click.Path(path_type=Path),
            help="DATA, as a flag.",
        ),
        click.Option(["-o", "--out"], type=click.Path(path_type=Path), help="Folder of the run."),
        click.Option(["--config"], type=click.Path(path_type=Path), help="YAML file of settings."),
        click.Option(
            ["--resume"],
            metavar="[RUN]",
            help="Go on with the run in --out, exactly, or with RUN: its folder, or one of its"
            " checkpoints, which with --out is continued there.",
        ),
        click.Option(["--dry-run"], is_flag=True, help="Show what would be done, train nothing."),
        click.Option(["--json", "as_json"], is_flag=True, help="With --dry-run: print JSON."),
        click.Option(["--cache"], type=click.Path(path_type=Path), help="Folder of decoded audio."),
    ]
    for cls, label in zip(classes, ("run", "model"), strict=True):
        options += _options(cls, label, row.aliases, row.hidden)
    return _FamilyCommand(
        family,
        callback=run,
        params=options,
        help=f"Train a model of the family {family} on DATA.\n\n\b\n{row.example}",
        context_settings={"token_normalize_func": _dashes},
    )


class _FamilyCommand(click.Command):
    """Takes 0 and 1 after a switch, too: `--weight_norm 0` and `--weight_norm=0` are
    `--no-weight-norm`. A word after --resume is the run if it can be one, otherwise DATA."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        switches = {
            name: no
            for option in self.params
            if isinstance(option, click.Option) and option.is_flag
            for name in option.opts
            for no in option.secondary_opts
        }
        placed = any(word.startswith(("-o", "--out")) for word in args)
        given: list[str] = []
        for word in args:
            last = _dashes(given[-1]) if given else ""
            name, equals, value = word.partition("=")
            if word in ("0", "1") and last in switches:
                given[-1] = switches[last] if word == "0" else last
            elif equals and value in ("0", "1") and _dashes(name) in switches:
                given.append(switches[_dashes(name)] if value == "0" else name)
            elif last == "--resume" and not word.startswith("-"):
                given[-1:] = ["--resume=" + word] if not placed or _is_run(word) else [last, word]
            else:
                given.append(word)
        # A bare --resume gets its empty value here, so that no other word becomes its value.
        given = ["--resume=" if word == "--resume" else word for word in given]
        return super().parse_args(context, given)


def _is_run(word: str) -> bool:
    """Whether a word is the path of a run's folder or of a checkpoint."""
    path = Path(word)
    return path.suffix == ".pt" or (path / "config.yaml").is_file()


def _flags(names: Iterable[str]) -> list[str]:
    return [f"--{_dashes(name)}" for name in names]


def _dashes(token: str) -> str:
    """A flag with dashes for underscores: `--batch_size` becomes `--batch-size`."""
    return token.replace("_", "-")


def _options(
    cls: type[Any], label: str, aliases: Mapping[str, tuple[str, ...]], hidden: frozenset[str]
) -> list[click.Parameter]:
    hints, told = typing.get_type_hints(cls), descriptions(cls)
    return [
        click.Option(
            [
                f.name,
                f"--{_dashes(f.name)}" + _negation(f, hints[f.name]),
                *_flags(aliases.get(f.name, ())),
            ],
            type=_kind(hints[f.name]),
            default=None,
            help=f"{told.get(f.name, '')}  [{label}; {_default(f)}]",
        )
        for f in fields(cls)
        if f.name not in hidden
    ]


def _negation(field: Field[Any], hint: Any) -> str:
    return f"/--no-{_dashes(field.name)}" if hint is bool else ""


def _kind(hint: Any) -> Any:
    return _List(typing.get_args(hint)[0]) if typing.get_origin(hint) is tuple else hint


def _default(field: Field[Any]) -> str:
    value = "" if field.default is MISSING else field.default
    if isinstance(value, bool):
        return "on" if value else "off"
    return (",".join(map(str, value)) if isinstance(value, tuple) else str(value)) or "none"


class _List(click.ParamType[tuple[Any, ...]]):
    """Numbers or names with commas between them."""

    def __init__(self, kind: Callable[[str], Any]) -> None:
        self._kind = kind
        self.name = "names" if kind is str else "numbers"

    def convert(self, value: Any, param: click.Parameter | None, context: Any) -> tuple[Any, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self._kind(part.strip()) for part in str(value).split(",") if part.strip())
        except ValueError:
            self.fail(f"{value!r}: {self.name} with commas between them are needed", param, context)


def _run(
    family: str,
    flags: dict[str, Any],
    *,
    begun: float,
    data: Path | None,
    data_flag: Path | None,
    preset: str | None,
    out: Path | None,
    config: Path | None,
    resume: str | None,
    dry_run: bool,
    as_json: bool,
    cache: Path | None,
) -> int:
    """Plan, then report or train; returns the exit code."""
    from training.dry_run import as_text, dry_run_report
    from training.families import TRAINING
    from training.planning import plan_run
    from training.run.folder import find_resumed
    from training.train import train as train_plan

    if as_json and not dry_run:
        raise click.UsageError("--json goes with --dry-run")
    if data is not None and data_flag is not None:
        raise click.UsageError(f"DATA is given twice: {data} and --in {data_flag}; leave one out")
    source = None if resume is None else find_resumed(resume, out)
    out = out or (source.folder if source else None)
    needed = TRAINING[family].folder is None
    if out is None and needed and not dry_run:
        raise click.UsageError("--out is missing: the folder that the run is to be written to")
    plan = plan_run(
        family, data or data_flag, preset=preset, file=config, flags=flags, cache=cache,
        resume_from=source.folder if source else None, on_file=_show_decoding,
        glance=dry_run,
    )  # fmt: skip
    if dry_run:
        report = dry_run_report(plan, begun)
        print_answer(json.dumps(report, indent=2) if as_json else as_text(report))
        return 0
    for file, reason in plan.library.rejected:
        click.echo(f"left out: {reason if file in reason else f'{file}: {reason}'}", err=True)
    if plan.library.skipped:
        click.echo(f"left out: {plan.library.skipped}", err=True)
    folder = TRAINING[family].folder
    out = out or (folder(plan) if folder else None)
    assert out is not None  # noqa: S101 - judged above
    stopped = train_plan(plan, out, resumed=source).stopped_by
    return {"SIGINT": 130, "SIGTERM": 143}.get(stopped, 0)


def _show_decoding(done: int, total: int) -> None:
    """Show how many recordings are decoded, on one line of a terminal."""
    if sys.stderr.isatty():
        click.echo(f"\rrecordings decoded: {done}/{total}", nl=done == total, err=True)
