"""Settings that were found to suit: presets by name, and values by architecture and data.

The latter are those of the code of Zuiderveld et al. 2021 (arXiv 2111.08462).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from training.inr.config import INRTrainConfig

if TYPE_CHECKING:
    from synth.models.inr import INRConfig

SPEECH, OTHER, PROGRESSIVE = (615.0, 200.0), (1760.0, 245.0), (10_000.0, 300.0)

# Where latents are joined to the inputs of sine layers, omega multiplies them as it does time: at
# the rates that suit FiLM they go through many turns of phase in a step, and nothing is learned.
JOINED_LATENT_LR = 1e-5

# By name of the model's preset. "paper" is the list of defaults itself. "small" is for a CPU: many
# cheap steps, no losses that need all points of a sound, latents that walk as far as such batches
# allow, and the pair of omegas that --tune found for notes of a General MIDI soundfont.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "small": {
        "learning_rate": 3e-4,
        "schedule": "cosine",
        "weight_decay": 0.0,
        "precision": "auto",
        "cdpam": 0.0,
        "multiscale_stft": 0.0,
        "dataset_size": 32,
        "batch_size": 16,
        "samples_per_datapoint": 500,
        "oversample": 2,
        "latent_lr": 4.0,
        "num_epochs": 8000,
    },
}


def fitting(preset: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A preset as far as the architecture has a use for it, and the architecture's own defaults.

    Args:
        preset: settings of the preset, empty without one.
        values: all settings that are given, the preset's among them.
    """
    from synth.models.inr import ARCHITECTURES, INRConfig

    row = ARCHITECTURES.get(str(values.get("architecture", INRConfig.architecture)))
    if row is None:
        return dict(preset)
    useless = set() if row.resizable else {"width", "depth"}
    useless |= set() if row.omegas else {"first_omega_0", "hidden_omega_0"}
    useless |= set() if row.widths else {"oversample"}
    own = {"latent_lr": JOINED_LATENT_LR} if row.omegas and not row.film else {}
    return {**{name: v for name, v in preset.items() if name not in useless}, **own}


def autoconfigured(
    model: INRConfig, settings: INRTrainConfig, data: str
) -> tuple[INRConfig, INRTrainConfig]:
    """Model and settings with the values that suit; unchanged where none are known.

    Args:
        model: whose architecture decides, together with the data.
        settings: of the run.
        data: name of the data set, or a path that contains it.
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
