"""The families that can be trained, in one explicit table.

Settings are known at once; what trains is imported when it is asked for, because a list of flags
shouldn't wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from training.codec.config import CodecTrainConfig
from training.config import TrainConfig
from training.samplernn.config import SampleRNNTrainConfig

if TYPE_CHECKING:
    from training.family import Parts


@dataclass(frozen=True)
class FamilyTraining:
    """How a family is trained: class of its settings, what trains it, and further names of flags
    by field."""

    config: type[TrainConfig]
    parts: Callable[[], Parts]
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _codec() -> Parts:
    from training.codec.parts import CODEC

    return CODEC


def _samplernn() -> Parts:
    from training.samplernn.parts import SAMPLERNN

    return SAMPLERNN


TRAINING: dict[str, FamilyTraining] = {
    "codec": FamilyTraining(CodecTrainConfig, _codec),
    "samplernn": FamilyTraining(SampleRNNTrainConfig, _samplernn, {"frame_sizes": ("frame_size",)}),
}
