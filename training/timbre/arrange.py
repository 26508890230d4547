"""The notes that a timbre space is learned from: chosen, named, split; and what they decide."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import torch

from synth.contract import ConfigError, DataError
from synth.models.timbre import TimbreConfig
from training.data.library import Clip, Library
from training.run.family import Arrangement
from training.timbre.anchors import choose_anchors
from training.timbre.config import TimbrePlan, TimbreTrainConfig
from training.timbre.dynamics import soft_to_loud
from training.timbre.frames.material import labels_in
from training.timbre.frames.table import frame_numbers
from training.timbre.learning.batches import Deck
from training.timbre.notes import NoteLabel
from training.timbre.shaping import settle

PITCHED = ("pitch", "octave", "key")
NAMED = 3  # files that a message names


def arrange(
    model: TimbreConfig, settings: TimbreTrainConfig, data: str, library: Library
) -> Arrangement[TimbreConfig, TimbreTrainConfig]:
    """Choose the notes, split them, and settle what depends on them.

    Args:
        model, settings: configs of the model and of the run.
        data: name or path of the recordings.
        library: all recordings.

    Raises:
        DataError: no note is left, or one lacks a pitch that the model is told.
        ConfigError: the settings don't go together with the model or the number of notes.
    """
    clips, labels, notes = _usable(
        model, settings, library, labels_in(library.clips, data, library.sample_rate)
    )
    learned, held_out, said = split_notes(clips, labels, settings.held_out, settings.seed)
    model = replace(
        model,
        instruments=tuple(sorted({label.instrument for label in labels})),
        dynamics=soft_to_loud({label.dynamics for label in labels}),
    )
    settings, free = settle(settings, model.instruments)
    kept = set(learned)
    model = choose_anchors(model, [n for c, n in zip(clips, labels, strict=True) if c in kept])
    rows = sum(len(frame_numbers(clip, model, settings.frames)) for clip in learned)
    settings = _settled(settings, rows)
    return Arrangement(
        model,
        replace(library, clips=clips),
        learned,
        held_out,
        training=settings,
        notes=(*notes, *said, *free, f"{rows} frames of {len(learned)} notes are learned"),
    )


def split_notes(
    clips: Sequence[Clip], labels: Sequence[NoteLabel], share: float, seed: int
) -> tuple[tuple[Clip, ...], tuple[Clip, ...], tuple[str, ...]]:
    """Notes to learn from, held-out notes, and what is to be said of them.

    Of each instrument the same share of notes is held out, at least one if there are two.

    Args:
        clips, labels: of all notes; share: 0 … 1; seed: of the draw.
    """
    held: set[Clip] = set()
    said = []
    for name in sorted({label.instrument for label in labels}):
        own = [c for c, label in zip(clips, labels, strict=True) if label.instrument == name]
        if len(own) == 1:
            said.append(f"{name} has one note, which is learned: none of it is held out")
            continue
        # Drawn by what is in the recordings, so that other names draw the same notes.
        own.sort(key=lambda clip: _draw(seed, clip))
        held |= set(own[: max(1, min(len(own) - 1, round(share * len(own))))])
    if not held:
        said.append("no note is held out; evaluations measure the notes that are learned")
        return tuple(clips), tuple(clips), tuple(said)
    learned = tuple(c for c in clips if c not in held)
    return learned, tuple(c for c in clips if c in held), tuple(said)


def make_deck(plan: TimbrePlan, rows: int, rank: int = 0) -> Deck:
    """The order in which the `rows` frames of a plan are learned by process `rank`."""
    settings = plan.training
    return Deck(rows, settings.batch_size, _world(settings), settings.seed, rank)


def _usable(
    model: TimbreConfig,
    settings: TimbreTrainConfig,
    library: Library,
    labels: Sequence[NoteLabel],
) -> tuple[tuple[Clip, ...], list[NoteLabel], list[str]]:
    """The notes that can be used, their labels, and what is to be said of the others."""
    found = list(zip(library.clips, labels, strict=True))
    if set(PITCHED) & set(model.conditioning):
        _require_pitches([clip for clip, label in found if not label.key >= 0])
    low = [(c, n) for c, n in found if not n.key >= 0 or octave(n.key) <= settings.highest_octave]
    if not low:
        raise DataError(
            f"highest_octave is {settings.highest_octave}; all {len(found)} notes lie above it, the"
            f" lowest in octave {min(octave(n.key) for _, n in found)}"
        )
    full = [(c, n) for c, n in low if len(frame_numbers(c, model, settings.frames))]
    if not full:
        raise DataError(
            f"frames is {','.join(map(str, settings.frames))}; every note ends before its first"
            f" frame {settings.frames[0]}, choose an earlier one"
        )
    notes = []
    if len(low) < len(found):
        count, top = len(found) - len(low), settings.highest_octave
        notes.append(f"{count} of {len(found)} notes lie above octave {top} and are left out")
    notes += _cut_short(model, settings, [c for c, _ in low])
    return tuple(c for c, _ in full), [n for _, n in full], notes


def _require_pitches(unknown: Sequence[Clip]) -> None:
    if not unknown:
        return
    names = ", ".join(clip.source.name for clip in unknown[:NAMED])
    more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
    raise DataError(
        f"the pitch of {names}{more} is not known, and the model is told pitches; name it in the"
        " file's name, as in flute_C4.wav, or in a CSV of the notes, or leave pitch, octave and key"
        " out of conditioning"
    )


def _cut_short(
    model: TimbreConfig, settings: TimbreTrainConfig, clips: Sequence[Clip]
) -> list[str]:
    whole = len(range(*settings.frames))
    counts = Counter(
        (n > 0) + (n == whole)
        for n in (len(frame_numbers(c, model, settings.frames)) for c in clips)
    )
    some = []
    if counts[1]:
        some.append(
            f"{counts[1]} notes end before frame {settings.frames[1]}: the rest is left out"
        )
    if counts[0]:
        some.append(f"{counts[0]} notes end before frame {settings.frames[0]} and are left out")
    return some


def octave(key: float) -> int:
    """The octave of a MIDI key; middle C, 60, begins octave 4."""
    return round(key) // 12 - 1


def _draw(seed: int, clip: Clip) -> str:
    told = f"{seed} {clip.cache.stem} {clip.start} {clip.end}"
    return hashlib.sha256(told.encode()).hexdigest()


def _settled(settings: TimbreTrainConfig, rows: int) -> TimbreTrainConfig:
    """Settings with a number of steps, and the device that `cuda` names."""
    if settings.cuda == -1:
        settings = replace(settings, accelerator="cpu")
    elif settings.cuda >= 0:
        settings = replace(settings, accelerator="gpu")
    deck = Deck(rows, settings.batch_size, _world(settings), settings.seed, 0)
    if deck.world > rows:
        raise ConfigError(f"{deck.world} devices are asked for; at most one per frame, {rows}")
    return replace(settings, steps=settings.steps or sum(settings.phases) * deck.batches)


def _world(settings: TimbreTrainConfig) -> int:
    found = 1 if settings.accelerator == "cpu" else max(1, torch.accelerator.device_count())
    return settings.nodes * (1 if settings.cuda >= 0 else settings.devices or found)
