"""The parts of a report on trained coordinate networks, put together for the table of families."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from synth.models.inr import INR, INRConfig
from training.data.library import Array
from training.inr.decoding import decoded
from training.inr.sounds import load_sounds
from training.run.family import Reporting


def decoder_of(model: INR, numbers: Sequence[int], meant: Array) -> Callable[[slice], Tensor]:
    """A function that makes the sounds of these rows of the model's table of latents.

    Args:
        model: in eval mode.
        numbers: rows of the table.
        meant: `[sounds, samples]`, the recordings, which an encoder hears first.
    """

    def decode(rows: slice) -> Tensor:
        if model.encoder is None:
            z = model.latents[list(numbers[rows])]
        else:
            z = model.encode(torch.from_numpy(meant[rows]).to(model.latents))
        return decoded(model, z)

    return decode


def short_name(config: INRConfig) -> str:
    """Architecture and size, as far as they differ from what the architecture says by itself."""
    extra = [f"{n}={v}" for n, v in (("width", config.width), ("depth", config.depth)) if v]
    extra += [f"branches={config.branches}"] if config.branches > 1 else []
    extra += [config.meta_architecture] if config.meta_architecture != "autodecoder" else []
    return " ".join([config.architecture, *extra])


INR_REPORTING = Reporting[INR, INRConfig](
    samples=lambda config: config.audio_length,
    sounds=lambda config: config.sounds,
    load=lambda config, clips: load_sounds(clips, config.audio_length),
    decode=decoder_of,
    name=short_name,
    parameters=lambda model: sum(p.numel() for p in model.decoder.parameters()),
    # Of these a repetition has its own, or none of them changes what is learned.
    repeated=frozenset(
        {"seed", "note", "note_general", "save_path", "threads", "wandb", "wandb_project_name"}
    ),
)
