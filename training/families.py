"""The families that can be trained, in one explicit table.

Settings are imported at once, the parts that train only when they are asked for: a list of flags
shouldn't wait for torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from training.codec.config import CodecTrainConfig
from training.inr.config import INRTrainConfig, run_folder
from training.inr.presets import PRESETS as INR_PRESETS
from training.inr.presets import fitting as inr_fitting
from training.inverse.config import PRESETS as INVERSE_PRESETS
from training.inverse.config import InverseTrainConfig
from training.inverse.config import fitting as inverse_fitting
from training.run.config import TrainConfig
from training.samplernn.config import SampleRNNTrainConfig
from training.timbre.config import PRESETS as TIMBRE_PRESETS
from training.timbre.config import TimbreTrainConfig
from training.timbre.config import run_folder as timbre_folder

if TYPE_CHECKING:
    from training.run.family import Parts, Reporting
    from training.run.plan import Plan


Fitting: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]


def _as_it_is(preset: Mapping[str, Any], values: Mapping[str, Any]) -> Mapping[str, Any]:
    return preset


@dataclass(frozen=True)
class FamilyTraining:
    """One row of the table: a family that can be trained.

    Attributes:
        config: class of its settings.
        parts: imports and returns the parts that train it.
        example: a command that trains it, for the help text.
        report: imports and returns the parts that a report on its runs needs; None: they can't be
            reported.
        aliases: further names of flags by field, of DATA by "data".
        presets: settings of the run that belong to a preset of the model.
        fitting: (preset, all settings so far) -> what of the preset the settings have a use for,
            and values that suit them where nobody gives others.
        hidden: fields of the two configs that have no flag: the data decide them, or nothing does.
        instead: settings that stand for another one: a value for the first, given later than one
            for the second, takes its place.
        data: the recordings to learn from where none are named.
        needs_recordings: whether it can't be trained without recordings.
        folder: the folder of a run that has no --out; None: it needs one.
    """

    config: type[TrainConfig]
    parts: Callable[[], Parts[Any, Any]]
    example: str
    report: Callable[[], Reporting[Any, Any]] | None = None
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    fitting: Fitting = _as_it_is
    hidden: frozenset[str] = frozenset()
    instead: Mapping[str, str] = field(default_factory=dict)
    data: str = ""
    needs_recordings: bool = True
    folder: Callable[[Plan[Any, Any]], Path] | None = None


def _codec() -> Parts[Any, Any]:
    from training.codec.parts import CODEC

    return CODEC


def _samplernn() -> Parts[Any, Any]:
    from training.samplernn.parts import SAMPLERNN

    return SAMPLERNN


def _inr() -> Parts[Any, Any]:
    from training.inr.parts import INR_PARTS

    return INR_PARTS


def _inr_report() -> Reporting[Any, Any]:
    from training.inr.parts import INR_REPORTING

    return INR_REPORTING


def _timbre() -> Parts[Any, Any]:
    from training.timbre.parts import TIMBRE

    return TIMBRE


def _inverse() -> Parts[Any, Any]:
    from training.inverse.parts import INVERSE

    return INVERSE


TRAINING: dict[str, FamilyTraining] = {
    "codec": FamilyTraining(
        CodecTrainConfig, _codec, "synth train codec FOLDER --preset tiny --out runs/mine"
    ),
    "samplernn": FamilyTraining(
        SampleRNNTrainConfig,
        _samplernn,
        "synth train samplernn song.wav --preset small --out runs/song",
        aliases={"frame_sizes": ("frame_size",)},
    ),
    "inr": FamilyTraining(
        INRTrainConfig,
        _inr,
        "synth train inr FOLDER --preset small --out runs/notes",
        report=_inr_report,
        aliases={
            "data": ("dataset_name",),
            "learning_rate": ("lr",),
            "multiscale_stft": ("multiscale_STFT",),
        },
        presets=INR_PRESETS,
        fitting=inr_fitting,
        hidden=frozenset({"sounds", "names", "keys", "held_out", "fast"}),
        instead={"num_epochs": "steps"},
        data="SPEECHCOMMANDS",
        folder=run_folder,
    ),
    "timbre": FamilyTraining(
        TimbreTrainConfig,
        _timbre,
        "synth train timbre FOLDER --preset live --out runs/space",
        aliases={
            "data": ("data",),
            "learning_rate": ("lr",),
            "highest_octave": ("filter",),
            "target_dims": ("targetdims",),
        },
        presets=TIMBRE_PRESETS,
        hidden=frozenset(
            {"instruments", "dynamics", "anchor_instruments", "anchor_keys", "anchor_dynamics"}
        ),
        instead={"epochs": "steps", "twofold_epochs": "steps"},
        folder=timbre_folder,
    ),
    "inverse": FamilyTraining(
        InverseTrainConfig,
        _inverse,
        "synth train inverse --preset live --out runs/match",
        presets=INVERSE_PRESETS,
        fitting=inverse_fitting,
        hidden=frozenset({"held_out", "fast", "audibility", "teacher_noise", "loaded_steps"}),
        needs_recordings=False,
    ),
}


def reported_families() -> list[str]:
    """The families whose runs can be reported."""
    return [family for family, row in TRAINING.items() if row.report is not None]
