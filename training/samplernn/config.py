"""The settings of a run that trains a SampleRNN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from synth.contract import ConfigError, require_one_of
from training.run.config import TrainConfig
from training.samplernn.arguments import ARGUMENT_RANGES

if TYPE_CHECKING:
    from synth.models.samplernn import SampleRNNConfig
    from training.run.plan import Plan

SCHEDULES = ("constant", "cosine", "plateau")
LABELLINGS = ("", "folder", "csv")


@dataclass(frozen=True)
class SampleRNNTrainConfig(TrainConfig):
    """Settings beside those of every run.

    Args:
        num_frames: frames of the top tier in a window, over which gradients flow.
        schedule: course of the learning rate: "constant"; "cosine", half a cosine from the highest
            rate at the first step to `final_rate` of it at the last; "plateau", halved whenever
            `plateau` evaluations in a row were no better, down to `final_rate` of the highest.
        final_rate: share of the learning rate at the end of the schedules "cosine" and "plateau".
        plateau: number of evaluations without progress after which the schedule "plateau" halves
            the learning rate.
        carry_state: whether the windows of a row follow each other in the recording and carry the
            state along (truncated back-propagation through time), which is fresh where a recording
            begins. Otherwise windows lie anywhere and start with a fresh state.
        label_by: source of a sound's class: "folder", the name of the folder that its file is in;
            "csv", the columns file and label of labels.csv in the folder of recordings; "", no
            classes.
        generate_every: steps between generated sounds.
        checkpoint_every: steps between checkpoints.
        length: seconds of each generated sound.
        num_generated: number of sounds that are generated at a time.
        temperature: temperature at which generated sounds are drawn; 0 takes the most likely code.

    Raises:
        ConfigError: a value is out of its range.
    """

    batch_size: int = 128
    eval_every: int = 100
    log_every: int = 10
    num_frames: int = 64
    schedule: str = "constant"
    final_rate: float = 0.01
    plateau: int = 3
    carry_state: bool = False
    label_by: str = ""
    generate_every: int = 100
    checkpoint_every: int = 100
    length: float = 10.0
    num_generated: int = 1
    temperature: float = 1.0

    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **TrainConfig.RANGES,
        **ARGUMENT_RANGES,
        "num_frames": (1, 16_384),
        "final_rate": (0.0, 1.0),
        "plateau": (1, 1_000_000),
        "temperature": (0.0, 10.0),
    }
    RESUMABLE: ClassVar[frozenset[str]] = TrainConfig.RESUMABLE | {
        *ARGUMENT_RANGES,
        "temperature",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("schedule", self.schedule, SCHEDULES)
        require_one_of("label_by", self.label_by, LABELLINGS)
        if self.carry_state and (self.devices != 1 or self.nodes != 1):
            raise ConfigError(
                f"carry_state needs 1 device, got devices {self.devices}, nodes {self.nodes}; leave"
                " one of them out"
            )


SampleRNNPlan: TypeAlias = "Plan[SampleRNNConfig, SampleRNNTrainConfig]"
