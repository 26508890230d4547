"""What trained runs are worth, side by side: errors of their sounds beside silence and noise.

Each run is read from its folder, its sounds are made by its `model.pt` and compared with the
recordings that it learned. Runs that differ in nothing but their seed make one row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev

import torch
from torch import Tensor

from synth.contract import ConfigError, DataError, ModelFileError
from synth.models.inr import INR
from synth.models.package import Package, unpack
from training.data.library import Array
from training.inr.decoding import decoded
from training.inr.sounds import load_sounds
from training.measures.cdpam import CDPAMLoss
from training.measures.scale import NAMES, Scale, Scores
from training.planning import plan_run, stored_run
from training.run.plan import Plan

FAMILY = "inr"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """One line of the report.

    Attributes:
        data, name: what was learned, by what; "silence" and "noise" are names, too.
        runs: folders; steps: of the longest one; parameters: of one decoder; both 0 for baselines.
        sounds: compared; mean, spread: of each of `metrics.NAMES` over runs, None where it was not
            measured; a spread (standard deviation) needs two runs.
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
    plan: Plan
    package: Package

    @property
    def model(self) -> INR:
        model = self.package.model
        assert isinstance(model, INR)  # noqa: S101 - of this family
        return model

    def settings(self) -> str:
        """All that tells runs apart which are more than repetitions of each other."""
        training = {k: v for k, v in vars(self.plan.training).items() if k not in _REPEATED}
        return f"{self.package.config} {training}"


# Of these a repetition has its own, or none of them changes what is learned.
_REPEATED = ("seed", "note", "note_general", "save_path", "threads", "wandb", "wandb_project_name")


def report(
    folders: Sequence[Path],
    *,
    sounds: int = 0,
    cdpam: bool | None = None,
    cache: Path | None = None,
    device: str = "auto",
    say: Say = lambda text: None,
) -> list[Row]:
    """Rows by data and mean squared error, silence and noise after the runs on the same sounds.

    Args:
        folders: of runs of the family `inr`.
        sounds: at most so many of each run, spread evenly over them; 0: all.
        cdpam: whether to measure it; None: where it is installed.
        cache: folder of decoded audio; None: the user's.
        device: of torch; "auto" is a GPU where there is one.
        say: hears what is being measured.

    Raises:
        ConfigError: no run, or one of another family; CDPAM is wanted and not installed.
        DataError: the recordings are gone or are others now.
        ModelFileError: a `model.pt` is missing or damaged.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    runs = [_open_run(folder, cache) for folder in folders]
    groups: dict[tuple[str, int], list[_Run]] = {}
    for run in runs:
        same = (run.plan.library.fingerprint(), run.model.config.audio_length)
        groups.setdefault(same, []).append(run)
    rows: list[Row] = []
    for group in groups.values():
        rows += _rows_of(group, sounds, cdpam, device, say)
    return rows


def _rows_of(runs: list[_Run], sounds: int, cdpam: bool | None, device: str, say: Say) -> list[Row]:
    """Of runs on the same sounds."""
    first = runs[0]
    config = first.model.config
    clips = first.plan.learned
    count = min(sounds or len(clips), len(clips))
    picked = [n * len(clips) // count for n in range(count)]
    meant = load_sounds([clips[n] for n in picked], config.audio_length)
    metric = _metric(cdpam, config.audio_length / config.sample_rate, say)
    scale = Scale(meant, metric, device)
    made: dict[str, list[tuple[_Run, Scores]]] = {}
    for run in runs:
        say(f"{run.folder}: {len(meant)} sounds")
        run.model.to(device)
        scores = scale.compare(_decoder(run.model, picked, meant))
        run.model.cpu()  # so that one at a time is there
        made.setdefault(run.settings(), []).append((run, scores))
    rows = [_row(first.plan.data, _names(same), same, len(meant)) for same in made.values()]
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


def _open_run(folder: Path, cache: Path | None) -> _Run:
    plan = plan_run(FAMILY, None, resume_from=_require_run(folder), cache=cache)
    path = folder / "model.pt"
    try:
        package = unpack(torch.load(path, map_location="cpu", weights_only=True))
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except Exception as error:  # noqa: BLE001 - torch raises whatever a damaged file leads it to
        reason = " ".join(str(error).split())[:100]
        raise ModelFileError(f"{path}: can't be read ({reason}); train on with --resume") from None
    found, learned = plan.library.fingerprint(), package.provenance.get("data", {})
    if len(plan.learned) != package.config.sounds or learned.get("fingerprint", found) != found:
        raise DataError(
            f"{folder}: the recordings in {plan.data} are not those that it learned; put them back"
        )
    return _Run(folder, plan, package)


def _require_run(folder: Path) -> Path:
    if not (folder / "config.yaml").is_file():
        raise ConfigError(f"{folder}: holds no run (no config.yaml); name a folder of synth train")
    family = stored_run(folder).get("family")
    if family != FAMILY:
        raise ConfigError(f"{folder}: is a run of {family}; runs of {FAMILY} can be reported")
    return folder


def _decoder(model: INR, indices: Sequence[int], meant: Array) -> Callable[[slice], Tensor]:
    """Makes the sounds of these rows of the model's table; an encoder hears what is meant first."""

    def decode(rows: slice) -> Tensor:
        if model.encoder is None:
            z = model.latents[list(indices[rows])]
        else:
            z = model.encode(torch.from_numpy(meant[rows]).to(model.latents))
        return decoded(model, z)

    return decode


def _names(same: Sequence[tuple[_Run, Scores]]) -> str:
    config = same[0][0].model.config
    extra = [f"{n}={v}" for n, v in (("width", config.width), ("depth", config.depth)) if v]
    extra += [f"branches={config.branches}"] if config.branches > 1 else []
    extra += [config.meta_architecture] if config.meta_architecture != "autodecoder" else []
    return " ".join([config.architecture, *extra])


def _told_apart(rows: list[Row]) -> list[Row]:
    """Rows of one name get the name of a folder, too."""
    count = Counter(row.name for row in rows)
    return [
        row if count[row.name] == 1 else replace(row, name=f"{row.name} ({Path(row.runs[0]).name})")
        for row in rows
    ]


def _row(data: str, name: str, same: Sequence[tuple[_Run, Scores]], sounds: int) -> Row:
    runs = [run for run, _ in same]
    values = {n: [getattr(scores, n) for _, scores in same] for n in NAMES}
    return Row(
        data=data,
        name=name,
        runs=tuple(str(run.folder) for run in runs),
        steps=max(int(run.package.provenance.get("steps", 0)) for run in runs),
        parameters=sum(p.numel() for p in runs[0].model.decoder.parameters()),
        sounds=sounds,
        mean={n: None if None in v else fmean(v) for n, v in values.items()},
        spread={n: stdev(v) if None not in v and len(v) > 1 else None for n, v in values.items()},
    )


def _baseline(data: str, name: str, scores: Scores, sounds: int) -> Row:
    mean: dict[str, float | None] = {n: getattr(scores, n) for n in NAMES}
    return Row(data, name, (), 0, 0, sounds, mean, dict.fromkeys(NAMES))
