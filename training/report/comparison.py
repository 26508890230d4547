"""Trained runs side by side: errors of their sounds beside those of silence and noise.

Each run is read from its folder, its sounds are made by its `model.pt` and compared with the
recordings that it learned. Runs that differ in nothing but their seed make one row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from synth.contract import ConfigError, DataError, ModelFileError
from synth.contract.errors import one_line
from synth.models.package import Package, read_tensors, unpack
from training.families import TRAINING, reported_families
from training.measures.cdpam import CDPAMLoss
from training.measures.scale import NAMES, Scale, Scores
from training.planning import plan_run, stored_run
from training.run.family import Reporting
from training.run.plan import AnyPlan
from training.run.review import Say


@dataclass(frozen=True)
class Row:
    """One line of the report.

    Attributes:
        data: what was learned; name: by what, or "silence" or "noise".
        runs: folders; none for silence and noise.
        steps: of the longest run, 0 for silence and noise.
        parameters: of what makes one sound, 0 for silence and noise.
        sounds: number that was compared.
        mean: of each of `scale.NAMES` over the runs, None where it was not measured.
        spread: standard deviation over the runs, None for fewer than two.
    """

    data: str
    name: str
    runs: tuple[str, ...]
    steps: int
    parameters: int
    sounds: int
    mean: dict[str, float | None]
    spread: dict[str, float | None]


@dataclass(frozen=True)
class _Run:
    folder: Path
    plan: AnyPlan
    package: Package
    family: Reporting[Any, Any]

    @property
    def samples(self) -> int:
        """Length of each sound."""
        return self.family.samples(self.package.config)

    def settings(self) -> str:
        """The settings in which runs differ unless they repeat each other."""
        repeated = self.family.repeated
        training = {k: v for k, v in vars(self.plan.training).items() if k not in repeated}
        return f"{self.package.config} {training}"


def report(
    folders: Sequence[Path],
    *,
    data: str | Path | None = None,
    sounds: int = 0,
    cdpam: bool | None = None,
    cache: Path | None = None,
    device: str = "auto",
    say: Say = lambda text: None,
) -> list[Row]:
    """Rows by data and mean squared error, silence and noise after the runs on the same sounds.

    Args:
        folders: of runs of families that can be reported.
        data: the recordings of the runs, where these were moved; None: where each run found them.
        sounds: at most so many of each run, spread evenly over them; 0: all.
        cdpam: whether to measure it; None: where it is installed.
        cache: folder of decoded audio; None: the user's.
        device: of torch; "auto" is a GPU where there is one.
        say: prints what is being measured.

    Raises:
        ConfigError: a folder holds no run, or one of a family that can't be reported; or CDPAM is
            asked for and not installed.
        DataError: the recordings are gone or have changed.
        ModelFileError: a `model.pt` is missing or damaged.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    runs = [_open_run(folder, data, cache) for folder in folders]
    groups: dict[tuple[str, int], list[_Run]] = {}
    for run in runs:
        groups.setdefault((run.plan.library.fingerprint(), run.samples), []).append(run)
    rows: list[Row] = []
    for group in groups.values():
        rows += _rows_of(group, sounds, cdpam, device, say)
    return rows


def _rows_of(runs: list[_Run], sounds: int, cdpam: bool | None, device: str, say: Say) -> list[Row]:
    """The rows of runs on the same sounds."""
    first = runs[0]
    clips = first.plan.learned
    count = min(sounds or len(clips), len(clips))
    picked = [n * len(clips) // count for n in range(count)]
    meant = first.family.load(first.package.config, [clips[n] for n in picked])
    metric = _metric(cdpam, first.samples / first.plan.library.sample_rate, say)
    scale = Scale(meant, metric, device)
    made: dict[str, list[tuple[_Run, Scores]]] = {}
    for run in runs:
        say(f"{run.folder}: {len(meant)} sounds")
        model = run.package.model.to(device)
        scores = scale.compare(run.family.decode(model, picked, meant))
        model.cpu()  # so that the device holds one at a time
        made.setdefault(run.settings(), []).append((run, scores))
    rows = [_row(same, len(meant)) for same in made.values()]
    rows = sorted(_told_apart(rows), key=lambda row: row.mean["mse"] or 0.0)
    for name, measure in (("silence", scale.silence), ("noise", scale.noise)):
        say(f"{name}: {len(meant)} sounds")
        rows.append(_baseline(first.plan.data, name, measure(), len(meant)))
    return rows


def _metric(wanted: bool | None, seconds: float, say: Say) -> CDPAMLoss | None:
    if wanted is False:
        return None
    try:
        return CDPAMLoss.installed(seconds)
    except ConfigError as error:
        if wanted:
            raise
        say(f"CDPAM is left out: {error}")
        return None


def _open_run(folder: Path, data: str | Path | None, cache: Path | None) -> _Run:
    family, reporting = _require_run(folder)
    plan = plan_run(family, data, resume_from=folder, cache=cache)
    path = folder / "model.pt"
    try:
        with path.open("rb") as file:
            package = unpack(read_tensors(file))
    except (ModelFileError, OSError) as error:
        raise ModelFileError(
            f"{path}: can't be read ({one_line(error)}); train on with --resume"
        ) from None
    learned = package.provenance.get("data", {}).get("fingerprint")
    sounds = reporting.sounds(package.config)
    known = learned is None or plan.library.is_known_as(str(learned))
    if len(plan.learned) != sounds or not known:
        raise DataError(
            f"{folder}: the recordings in {plan.data} are not those that it learned; put them back,"
            " or name their place with --data"
        )
    return _Run(folder, plan, package, reporting)


def _require_run(folder: Path) -> tuple[str, Reporting[Any, Any]]:
    """The family of the run in a folder, and its parts of a report."""
    if not (folder / "config.yaml").is_file():
        raise ConfigError(f"{folder}: holds no run (no config.yaml); name a folder of synth train")
    family = str(stored_run(folder).get("family"))
    row = TRAINING.get(family)
    if row is None or row.report is None:
        raise ConfigError(
            f"{folder}: is a run of {family}; runs of {', '.join(reported_families())} can be"
            " reported"
        )
    return family, row.report()


def _told_apart(rows: list[Row]) -> list[Row]:
    """The rows, with the name of a folder added to names that occur more than once."""
    count = Counter(row.name for row in rows)
    return [
        row if count[row.name] == 1 else replace(row, name=f"{row.name} ({Path(row.runs[0]).name})")
        for row in rows
    ]


def _row(same: Sequence[tuple[_Run, Scores]], sounds: int) -> Row:
    """The row of runs that repeat each other."""
    runs = [run for run, _ in same]
    first = runs[0]
    values = {n: [getattr(scores, n) for _, scores in same] for n in NAMES}
    return Row(
        data=first.plan.data,
        name=first.family.name(first.package.config),
        runs=tuple(str(run.folder) for run in runs),
        steps=max(int(run.package.provenance.get("steps", 0)) for run in runs),
        parameters=first.family.parameters(first.package.model),
        sounds=sounds,
        mean={n: None if None in v else fmean(v) for n, v in values.items()},
        spread={n: stdev(v) if None not in v and len(v) > 1 else None for n, v in values.items()},
    )


def _baseline(data: str, name: str, scores: Scores, sounds: int) -> Row:
    mean: dict[str, float | None] = {n: getattr(scores, n) for n in NAMES}
    return Row(data, name, (), 0, 0, sounds, mean, dict.fromkeys(NAMES))
