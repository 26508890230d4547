"""Values that were found to suit, by architecture and data (Zuiderveld et al. 2021, their code)."""

from __future__ import annotations

from dataclasses import replace

from synth.models.inr import INRConfig
from training.inr.config import INRTrainConfig

SPEECH, OTHER, PROGRESSIVE = (615.0, 200.0), (1760.0, 245.0), (10_000.0, 300.0)


def autoconfigured(
    model: INRConfig, settings: INRTrainConfig, data: str
) -> tuple[INRConfig, INRTrainConfig]:
    """Model and settings with the values that suit; both as they came where none are known.

    Args:
        data: name of the data set, or a path with it.
    """
    if model.architecture == "wavegan":
        return replace(model, num_latent=256), replace(settings, learning_rate=1e-4)
    if not model.architecture.startswith("pi-gan"):
        return model, settings
    first, hidden = SPEECH if _is_speech(data) else OTHER
    if model.architecture == "pi-gan_prog":
        first, hidden = PROGRESSIVE
    return (
        replace(model, first_omega_0=first, hidden_omega_0=hidden),
        replace(settings, learning_rate=1e-5),
    )


def _is_speech(data: str) -> bool:
    return "speechcommands" in data.lower().replace("_", "").replace(" ", "")
