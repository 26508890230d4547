"""The recordings as coordinate networks use them: all learned, all of one length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from synth.contract import ConfigError
from synth.contract.reading import resampled
from synth.models.inr import INRConfig
from training.data.library import Array, Clip, Library
from training.data.notes import label_of
from training.inr.batches import Deck
from training.inr.config import INRTrainConfig
from training.inr.presets import autoconfigured
from training.run.family import Arrangement


def arrange(
    model: INRConfig, settings: INRTrainConfig, data: str, library: Library
) -> Arrangement[INRConfig, INRTrainConfig]:
    """Choose the sounds, name them, and settle the settings that depend on them.

    Args:
        model, settings: configs of the model and of the run. A model that has names and keys for as
            many sounds is that of a run that is resumed: what was found then still holds.
        data: name or path of the recordings.
        library: all recordings.

    Raises:
        ConfigError: the settings don't go together with the model or the number of sounds.
    """
    require_fitting(model, settings)
    clips = spread(library.clips, settings.dataset_size)
    length = model.audio_length
    notes = [*_notes(library, clips, length, settings), *_grid_note(model, settings)]
    clips = tuple(replace(c, end=min(c.end, c.start + length)) for c in clips)
    resumed = len(model.names) == len(model.keys) == len(clips)
    if settings.autoconfig and not resumed:
        model, settings = autoconfigured(model, settings, data)
        notes.append(
            f"autoconfig: omegas {model.first_omega_0:g} and {model.hidden_omega_0:g},"
            f" learning_rate {settings.learning_rate:g}"
        )
    if settings.tune:
        notes.append("tune: the omegas are searched before training")
    if not resumed:
        model = _labelled(model, clips, library.sample_rate)
    library = replace(library, clips=clips)
    return Arrangement(
        model, library, clips, (), training=settled(settings, len(clips)), notes=tuple(notes)
    )


def _labelled(model: INRConfig, clips: Sequence[Clip], sample_rate: int) -> INRConfig:
    """The model with the name and the key that each recording tells."""
    labels = [label_of(clip, sample_rate) for clip in clips]
    return replace(
        model,
        sounds=len(clips),
        names=tuple(label.name for label in labels),
        keys=tuple(label.key for label in labels),
    )


def spread(clips: Sequence[Clip], count: int) -> tuple[Clip, ...]:
    """`count` of the clips, spread evenly over their order; all of them if there are no more, or if
    `count` is 0."""
    if not 0 < count < len(clips):
        return tuple(clips)
    return tuple(clips[i * len(clips) // count] for i in range(count))


def settled(settings: INRTrainConfig, sounds: int) -> INRTrainConfig:
    """Settings with numbers in the place of "auto", "all" and 0 steps.

    Args:
        settings: of the run; sounds: number of them.

    Raises:
        ConfigError: more devices than sounds.
    """
    if settings.use_multi_gpu:
        settings = replace(settings, devices=0)
    if not settings.use_gpu:
        settings = replace(settings, accelerator="cpu")
    if settings.double:
        settings = replace(settings, precision="32")  # never lower, whatever the processor
    deck = make_deck(settings, sounds)
    return replace(settings, steps=settings.steps or settings.num_epochs * deck.batches)


def make_deck(settings: INRTrainConfig, sounds: int) -> Deck:
    """The order in which sounds are learned.

    Args:
        settings: of the run, with its devices; sounds: number of them.

    Raises:
        ConfigError: more devices than sounds.
    """
    found = 1 if settings.accelerator == "cpu" else max(1, torch.accelerator.device_count())
    devices = settings.devices or found
    world = settings.nodes * devices
    if world > sounds:
        raise ConfigError(f"{world} devices are asked for; at most one per sound, that is {sounds}")
    return Deck(sounds, settings.batch_size, world, settings.seed)


def require_fitting(model: INRConfig, settings: INRTrainConfig) -> None:
    """Raise `ConfigError` where model and settings don't go together."""
    if settings.tune and not model.row.omegas:
        raise ConfigError(f"tune looks for omegas, and {model.architecture} has none; leave it out")
    if model.widths:
        return
    for name in ("oversample", "eval_upscale_ratio"):
        value = getattr(settings, name)
        if value != 1:
            raise ConfigError(
                f"{name} is {value}; {model.architecture} makes one grid of samples, only 1 is"
                " allowed"
            )


def points_of(model: INRConfig, settings: INRTrainConfig) -> int:
    """Number of points of a sound in a step.

    It is the number that is asked for, at most that of the samples; a decoder without time as an
    input always makes all of them.
    """
    if not model.widths:
        return model.audio_length
    return min(settings.samples_per_datapoint, model.audio_length)


def load_sounds(clips: Sequence[Clip], length: int, oversample: int = 1) -> Array:
    """Sounds of one length, cropped or followed by zeros, `[clips, length * oversample]`.

    Args:
        clips: mono.
        length: samples of each sound.
        oversample: points per sample, at least 1; the sounds are interpolated band-limited.
    """
    sounds = np.zeros((len(clips), length * oversample), np.float32)
    for row, clip in zip(sounds, clips, strict=True):
        audio = np.zeros(length, np.float32)
        heard = clip.open()[0, :length]
        audio[: len(heard)] = heard
        row[:] = interpolated(audio, oversample)
    return sounds


def interpolated(audio: Array, ratio: int) -> Array:
    """Audio at a multiple of its rate, band-limited, `[samples * ratio]`.

    Args:
        audio: `[samples]`; ratio: at least 1.
    """
    if ratio == 1:
        return audio
    dense = resampled(audio, 1, ratio)
    out = np.zeros(len(audio) * ratio, np.float32)
    out[: len(dense)] = dense[: len(out)]
    return out


def _notes(
    library: Library, clips: Sequence[Clip], length: int, settings: INRTrainConfig
) -> tuple[str, ...]:
    found, asked = len(library.clips), settings.dataset_size
    longer = sum(c.frames > length for c in clips)
    shorter = sum(c.frames < length for c in clips)
    some = f"all {found}" if len(clips) == found else f"{len(clips)} of {found}"
    notes = [f"{some} sounds are learned, none is held out"]
    if found < asked:
        notes.append(f"dataset_size is {asked}, {found} sounds are there; it goes on with these")
    if longer:
        notes.append(f"{longer} sounds are longer than {length} samples: cropped")
    if shorter:
        notes.append(f"{shorter} sounds are shorter than {length} samples: zeros after their end")
    return tuple(notes)


def _grid_note(model: INRConfig, settings: INRTrainConfig) -> tuple[str, ...]:
    points = points_of(model, settings)
    if points == settings.samples_per_datapoint:
        return ()
    return (f"samples_per_datapoint is {settings.samples_per_datapoint}, {points} are used",)
