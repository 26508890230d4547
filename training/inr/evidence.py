"""The files that an evaluation leaves in the folder of a run: audio, pictures, latents."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from synth.contract import write_audio, write_bytes
from training.data.library import Array
from training.inr.config import INRPlan
from training.measures.pictures import draw, draw_overlay


def write_originals(folder: Path, index: Sequence[int], sounds: Array, sample_rate: int) -> None:
    """Write `original_<row>.wav` for some sounds.

    Args:
        folder: that they are written to.
        index: rows of the table of latents, one for each sound.
        sounds: `[sounds, samples]`, full scale ±1; sample_rate: Hz.
    """
    for row, audio in zip(index, sounds, strict=True):
        _write(folder / f"original_{row}.wav", audio, sample_rate)


def write_sounds(
    out: Path, plan: INRPlan, row: int, meant: Array, dense: Array, step: int
) -> dict[str, Path]:
    """Write audio and pictures of one sound, as far as the settings ask for them.

    Args:
        out: folder of the run; plan: of the run.
        row: of the table of latents, part of the files' names.
        meant: the recording, `[samples]`.
        dense: the reconstruction, `[samples * eval_upscale_ratio]`, which is written at the
            sound's own rate and, if the ratio is above 1, at the higher one too.
        step: steps done.

    Returns:
        The pictures by kind and row.
    """
    settings = plan.training
    rate, ratio = plan.model.sample_rate, settings.eval_upscale_ratio
    name, made = f"reconstruction_step_{step}_{row}", dense[::ratio]
    if settings.save_audio:
        _write(out / "audio" / f"{name}.wav", made, rate)
        if ratio > 1:
            _write(out / "audio" / f"{name}_x{ratio}.wav", dense, rate * ratio)
    if not settings.save_audio_plots:
        return {}
    title = f"{plan.model.names[row]} (row {row}), step {step}"
    pictures = {
        "reconstruction": draw(meant[None], made[None], rate, title),
        "overlay": draw_overlay(meant, made, title),
    }
    written = {}
    for kind, picture in pictures.items():
        written[f"{kind}_{row}"] = out / "plots" / f"{kind}_step_{step}_{row}.png"
        write_bytes(written[f"{kind}_{row}"], picture)
    return written


def write_latents(folder: Path, latents: Tensor, step: int) -> None:
    """Write `z_step_<step>.npy`, the table of latents `[sounds, num_latent]`."""
    buffer = io.BytesIO()
    np.save(buffer, latents.cpu().numpy())
    write_bytes(folder / f"z_step_{step}.npy", buffer.getvalue())


def write_table(folder: Path, plan: INRPlan) -> None:
    """Write `sounds.csv`, which tells the sound of each row of latents."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(("row", "name", "key", "file"))
    names = zip(plan.model.names, plan.model.keys, plan.learned, strict=True)
    for row, (name, key, clip) in enumerate(names):
        writer.writerow((row, name, key, clip.source.name))
    write_bytes(folder / "sounds.csv", buffer.getvalue().encode("utf-8", "surrogateescape"))


def _write(path: Path, audio: Array, sample_rate: int) -> None:
    write_audio(path, np.clip(audio[None], -1, 1), sample_rate)
