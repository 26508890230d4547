"""Recordings that an autoencoder has not learned, encoded for the instrument to play."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from synth.contract import ConfigError, find_audio, parse_name, read_recording
from synth.dsp import steady_key
from synth.models.inr import INR
from synth.models.inr.unheard import with_sounds
from synth.models.package import Package

MOST = 4096  # sounds of an instrument


def encoded_sounds(package: Package, sounds: str | Path) -> Package:
    """A model whose sounds are recordings, each encoded, instead of those that it learned.

    A recording is taken as in training: mono, at the model's rate, cropped at the length of its
    sounds or followed by zeros, named by its file and tuned by its name or its pitch.

    Args:
        package: of an autoencoder; it is not changed.
        sounds: an audio file or a folder of them.

    Raises:
        ConfigError: an autodecoder, which has no encoder, or too many recordings.
        DataError: there is no recording, or one can't be used.
    """
    model = package.model
    if not isinstance(model, INR) or model.encoder is None:
        raise ConfigError(
            f"--sounds is {sounds}; only an autoencoder encodes sounds that it has not learned:"
            " leave it out, or train with --meta-architecture autoencoder"
        )
    files = find_audio(sounds)
    if len(files) > MOST:
        raise ConfigError(f"--sounds has {len(files)} recordings; at most {MOST} are allowed")
    rate, length = model.config.sample_rate, model.config.audio_length
    table = np.zeros((len(files), length), np.float32)
    names, keys = [], []
    for row, file in zip(table, files, strict=True):
        audio = read_recording(file, rate, 1, seconds=length / rate)[0]
        row[: min(length, len(audio))] = audio[:length]
        name, key = parse_name(file.stem)
        names.append(name)
        keys.append(steady_key(row, rate) if key is None else float(key))
    other = with_sounds(model, torch.from_numpy(table), names, keys)
    told = {**package.provenance, "encoded": {"files": len(files), "names": sorted(set(names))}}
    return replace(package, model=other, config=other.config, provenance=told)
