"""The families that can be trained, in one explicit table."""

from __future__ import annotations

from training.codec import CODEC
from training.family import FamilyTraining
from training.samplernn import SAMPLERNN

TRAINING: dict[str, FamilyTraining] = {
    "codec": CODEC,
    "samplernn": SAMPLERNN,
}
