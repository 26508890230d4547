"""Paths between instruments: linear, spherical, and with what is alive in both notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synth.contract import ConfigError, DataError, require_one_of
from synth.models.timbre.paths import expressive, linear, spherical
from training.explore.notes import Say, known_instrument
from training.explore.pictures.drawing import draw_space, draw_spectrograms
from training.explore.pictures.films import path_film
from training.explore.pictures.scenery import SUSTAINED_SECONDS, anchor_clouds, by_instrument
from training.explore.results import Results
from training.explore.sound import Phase, log_spectral_distance_db, write_sounds
from training.explore.space import Space, Track, key_name
from training.explore.stage import Stage

WAYS = ("linear", "spherical", "expressive")
CHOICES = ("same", "loud")
ANIMATED = ("expressive", "linear", "spherical", "all", "none")
MIDDLE_KEY = 60.0


@dataclass(frozen=True)
class Pair:
    """Two notes that a path leads from and to."""

    source: Track
    target: Track

    @property
    def name(self) -> str:
        """The two instruments."""
        return f"{self.source.instrument} to {self.target.instrument}"

    def keys(self, share: Tensor) -> Tensor:
        """MIDI keys along the path, as a glide where the notes have different ones, which a model
        that is told pitch classes takes in steps.
        """
        return torch.lerp(torch.tensor(self.source.key), torch.tensor(self.target.key), share)

    def dynamics(self, share: Tensor) -> Tensor:
        """Dynamics along the path."""
        ends = torch.tensor(self.source.dynamics), torch.tensor(self.target.dynamics)
        return torch.lerp(*ends, share)


def choose_pairs(
    space: Space, tracks: Sequence[Track], choice: str, source: str = "", target: str = ""
) -> list[Pair]:
    """A pair of notes for every two instruments.

    Args:
        tracks: the notes to choose from.
        choice: "same" takes notes of one key and dynamics, or of the nearest there are; "loud" the
            loudest of each instrument, near the middle of the keyboard.
        source, target: instruments that the paths begin and end with; "": all of them.

    Raises:
        ConfigError: an instrument has no notes, both are the same, or the choice is unknown.
        DataError: there are fewer than two instruments.
    """
    require_one_of("select", choice, CHOICES)
    groups = by_instrument(list(tracks))
    source, target = (known_instrument(n, tuple(groups)) if n else "" for n in (source, target))
    if source and source == target:
        raise ConfigError(
            f"a path leads from {source} to {target}; name two instruments, or leave out one of"
            " --from and --to"
        )
    if len(groups) < 2:
        raise DataError(
            f"{space.name}: there are notes of {len(groups)} instruments, and a path needs two;"
            " name more NOTES"
        )
    names = [
        (a, b) if source in ("", a) and target in ("", b) else (b, a)
        for a, b in combinations(groups, 2)
        if {source, target} - {""} <= {a, b}
    ]
    nearest = _same if choice == "same" else _loud
    return [nearest(groups[a], groups[b]) for a, b in names]


def _same(sources: Sequence[Track], targets: Sequence[Track]) -> Pair:
    """Notes as alike as there are in key, then in dynamics, then near the middle."""

    def unlike(pair: Pair) -> tuple[float, float, float]:
        a, b = pair.source, pair.target
        return abs(a.key - b.key), abs(a.dynamics - b.dynamics), abs(a.key - MIDDLE_KEY)

    return min((Pair(a, b) for a in sources for b in targets), key=unlike)


def _loud(sources: Sequence[Track], targets: Sequence[Track]) -> Pair:
    def soft(track: Track) -> tuple[float, float]:
        return -track.dynamics, abs(track.key - MIDDLE_KEY)

    return Pair(min(sources, key=soft), min(targets, key=soft))


def path(way: str, pair: Pair, times: Tensor) -> Tensor:
    """Latents `[frames, latent_dims]` of a way between two notes.

    Args:
        way: of `WAYS`; times: s from the onset, `[frames]`.
    """
    share = torch.linspace(0, 1, len(times))[:, None]
    rest = torch.tensor([SUSTAINED_SECONDS])
    source, target = pair.source.at(rest), pair.target.at(rest)
    if way == "linear":
        return linear(source, target, share)
    if way == "spherical":
        return spherical(source, target, share)
    return expressive(pair.source.at(times), pair.target.at(times), share)


def explore_paths(
    space: Space,
    pairs: Sequence[Pair],
    out: str | Path,
    phase: Phase,
    *,
    seconds: float = 2.5,
    animate: str = "expressive",
    say: Say = lambda text: None,
) -> Results:
    """Make sounds on their way from one instrument to another.

    Args:
        pairs: of notes; each is gone in three ways.
        out: folder of sounds, pictures, animations and paths.json.
        phase: how it is found.
        seconds: of each sound.
        animate: the way that is animated, or "all" or "none".
        say: prints what is being made.

    Raises:
        ConfigError: `seconds` is out of its range, or `animate` unknown.
        DataError: the folder can't be written.
    """
    require_one_of("animate", animate, ANIMATED)
    stage = Stage.of_seconds(space.config, seconds)
    results = Results(out, "paths", {"model": space.describe(), "phase": phase.describe()})
    results.data |= {"seconds": seconds, "frames": stage.frames, "paths": []}
    for pair in pairs:
        say(f"{pair.name}: {stage.frames} frames")
        results.data["paths"].append(_gone(space, pair, results, stage, phase, animate))
    results.close()
    return results


def _gone(
    space: Space, pair: Pair, results: Results, stage: Stage, phase: Phase, animate: str
) -> dict[str, Any]:
    """Write the three paths of a pair; returns their numbers."""
    share, seconds, clouds = stage.share, stage.seconds, anchor_clouds(space)
    told: dict[str, Any] = {}
    made: dict[str, tuple[Tensor, Tensor]] = {}
    for way in WAYS:
        latents = path(way, pair, stage.times)
        frames = space.decode(latents, pair.keys(share), pair.dynamics(share))
        made[way] = latents, frames
        name = f"{pair.name} {way}"
        sounds = write_sounds(results, name, frames, stage, phase)
        told[way] = {"length": _length(latents), "sounds": sounds}
        if animate in (way, "all"):
            film = path_film(space, name, clouds, latents, frames, seconds)
            sound = next(iter(sounds.values()))["file"]
            told[way]["animation"] = results.animation(name, *film, audio=sound)
    title = f"{space.name}: {pair.name}"
    lines = {way: space.place(latents).double().numpy() for way, (latents, _) in made.items()}
    panels = [(way, frames, seconds) for way, (_, frames) in made.items()]
    spectrograms = draw_spectrograms(title, panels, space.frequencies, space.config.floor)
    return {
        "name": pair.name,
        "notes": [pair.source.name, pair.target.name],
        "keys": [pair.source.key, pair.target.key],
        "key_names": [key_name(pair.source.key), key_name(pair.target.key)],
        "dynamics": [pair.source.dynamics, pair.target.dynamics],
        "distance": float((made["linear"][0][-1] - made["linear"][0][0]).norm()),
        "linear_to_spherical_db": log_spectral_distance_db(made["spherical"][1], made["linear"][1]),
        "ways": told,
        "pictures": [
            results.picture(f"{pair.name} spectrograms", spectrograms),
            results.picture(f"{pair.name} space", draw_space(title, clouds, lines)),
        ],
    }


def _length(latents: Tensor) -> float:
    """Length of a way `[frames, latent_dims]` in latent units."""
    return float((latents[1:] - latents[:-1]).norm(dim=1).sum())
