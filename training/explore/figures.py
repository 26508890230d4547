"""All figures of some models, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from synth.contract import ConfigError, DataError, require_within
from training.explore.circling import explore_random
from training.explore.grids import mapped
from training.explore.labels import conditions
from training.explore.notes import Note, Say, read_notes, say_short
from training.explore.pairs import choose_pairs, explore_paths
from training.explore.pictures.animation import say_gif
from training.explore.pictures.frames import side_by_side
from training.explore.pictures.scenery import FRAMES, learned_points
from training.explore.projecting import explore_projection, require_frames
from training.explore.reconstructions import explore_reconstructions
from training.explore.results import Results, file_name
from training.explore.sound import Phase
from training.explore.space import Space, kept_tracks, open_space
from training.explore.topology import explore_topology
from training.explore.walking import CURVES, TARGETS, explore_walk
from training.explore.whole_notes import explore_notes
from training.timbre.measures import rank_correlation
from training.timbre.ratings import bundled_ratings

MIDDLE_KEY = 60.0
SYNTHESISED = ("centroid", "flatness", "bandwidth")
NEEDING_NOTES = ("plot_reconstructions", "full_instruments", "perceptual_infer")
KINDS = (
    *NEEDING_NOTES, "pairwise_paths", "random_paths", "plot_descriptors", "descriptor_synthesis"
)  # fmt: skip


@dataclass(frozen=True)
class Sheet:
    """What the figures of all models are made with.

    Args:
        out: folder with one for each model in it.
        kinds: of figures, of `KINDS`; all: whether they are all there are, so that one that can't
            be made is left out.
        data: notes of the learned instruments; None: where each run found its own.
        new: notes of other instruments; None: those that each run held out.
        highest_octave: above which notes are left out.
        frames: first of a note's frames that are placed, and the one after the last.
        labels: pitch classes; steps: of grids; animate: whether there are animations.
        phase: how it is found; cache: folder of what is computed once; say: prints what is done.
    """

    out: Path
    kinds: tuple[str, ...]
    all: bool
    data: Path | None
    new: Path | None
    highest_octave: int
    frames: tuple[int, int]
    labels: tuple[int, ...]
    steps: int
    animate: bool
    phase: Phase
    cache: Path | None
    say: Say

    def notes(self, space: Space, held_out: bool = False) -> list[Note]:
        """The notes of a model's run.

        Args:
            held_out: only those that it didn't learn, or those in `new`.

        Raises:
            DataError: they aren't where the run found them.
        """
        told = space.package.provenance.get("data", {})
        place = self.new if held_out and self.new else self.data or Path(str(told.get("path", "")))
        if not place.exists() or place == Path():
            raise DataError(
                f"{space.name}: its notes aren't where the run found them ({place}); name their"
                " place with --data"
            )
        notes = read_notes(
            space, [place], highest_octave=self.highest_octave, cache=self.cache, say=self.say
        )
        if held_out and not self.new:
            names = {Path(str(name)).stem for name in told.get("held_out_files", [])}
            notes = [note for note in notes if note.track.name in names] or notes
        return notes


def make_figures(
    models: Sequence[Path],
    *,
    out: Path,
    data: Path | None = None,
    new: Path | None = None,
    conditioning: str = "",
    highest_octave: int = 5,
    frames: tuple[int, int] = (10, 25),
    cuda: int | None = None,
    device: str = "auto",
    seed: int = 0,
    steps: int = 60,
    labels: tuple[int, ...] = (0, 4, 6),
    animate: bool = True,
    cache: Path | None = None,
    phase: str = "heap+griffin-lim",
    iterations: int = 0,
    momentum: float = 0.99,
    say: Say = lambda text: None,
    **kinds: bool,
) -> list[Path]:
    """Explore models in every way that is asked for, and put their pictures side by side.

    Args:
        models: `model.pt` files or folders of runs.
        out, data, new, highest_octave, frames, labels, steps, animate, cache, say: see `Sheet`.
        conditioning: only models that are told this, with commas between; "none": those that are
            told nothing; "": all.
        cuda: index of the GPU, -1: the CPU, None: as `device` says.
        seed: of all that is drawn; phase, iterations, momentum: see `Phase`.
        kinds: of figures, by their names in `KINDS`; with none on, all are made.

    Returns:
        all files, figures.json last.

    Raises:
        ConfigError: a value is out of its range, or no model is conditioned so.
        DataError: notes are missing that a figure needs, or a folder can't be written.
        ModelFileError: a model can't be used.
    """
    require_frames(frames)
    require_within("filter", highest_octave, -1, 9)
    wanted = tuple(kind for kind in KINDS if kinds.get(kind))
    sheet = Sheet(
        out, wanted or KINDS, not wanted, data, new, highest_octave, frames, labels, steps, animate,
        Phase(phase, iterations, momentum, seed), cache, say,
    )  # fmt: skip
    if cuda is not None:
        device = "cpu" if cuda < 0 else f"cuda:{cuda}"
    spaces = _conditioned([open_space(model, device) for model in models], conditioning, say)
    return _made_of(sheet, _named(spaces))


def _made_of(sheet: Sheet, spaces: Mapping[str, Space]) -> list[Path]:
    """Make the figures of models, by name, and put them side by side."""
    results = Results(sheet.out, "figures", {"phase": sheet.phase.describe()})
    made = {name: _explored(sheet, name, space) for name, space in spaces.items()}
    results.data |= {
        "frames": list(sheet.frames),
        "labels": list(sheet.labels),
        "steps": sheet.steps,
        "models": {name: told for name, (told, _) in made.items()},
        "side_by_side": _beside(results, {name: files for name, (_, files) in made.items()}),
    }
    files = [file for _, found in made.values() for file in found]
    say_gif(files, sheet.say)
    return files + results.close()


def _conditioned(spaces: Sequence[Space], conditioning: str, say: Say) -> list[Space]:
    """The models that are told what is asked for."""
    if not conditioning:
        return list(spaces)
    wanted = sorted(set(conditioning.replace(",", " ").split()) - {"none"})
    kept = [space for space in spaces if sorted(space.config.conditioning) == wanted]
    if not kept:
        told = "; ".join(f"{s.name}: {','.join(s.config.conditioning) or 'none'}" for s in spaces)
        raise ConfigError(
            f"conditioning {conditioning!r}: no model is told just that ({told}); choose one of"
            " these, or leave --conditioning out"
        )
    for space in spaces:
        if space not in kept:
            say(f"left out: {space.name}, which is told {','.join(space.config.conditioning)}")
    return kept


def _named(spaces: Sequence[Space]) -> dict[str, Space]:
    """The models by names that differ."""
    found: dict[str, Space] = {}
    for space in spaces:
        name, number = file_name(space.name), 2
        while name in found:
            name, number = f"{file_name(space.name)}_{number}", number + 1
        found[name] = space
    return found


def _explored(sheet: Sheet, name: str, space: Space) -> tuple[dict[str, Any], list[Path]]:
    """Make the figures of a model; returns their numbers and files."""
    told: dict[str, Any] = {"model": space.describe(), "agreement": agreement(space, sheet.frames)}
    files: list[Path] = []
    for kind in sheet.kinds:
        sheet.say(f"{name}: {kind}")
        try:
            results = _MADE[kind](sheet, space, sheet.out / name / kind)
        except DataError as error:
            if not sheet.all:
                raise
            sheet.say(f"left out: {kind}: {error}")
            told[kind] = {"left_out": str(error)}
            continue
        told[kind] = {"json": str(results.files[-1].relative_to(sheet.out)), **_summary(results)}
        files += results.files
    return told, files


def agreement(space: Space, frames: tuple[int, int] = FRAMES) -> dict[str, Any]:
    """Rank correlation of the distances between instruments with the bundled ratings, JSON-ready.

    Args:
        frames: of the kept notes that stand for an instrument.
    """
    found = learned_points(space, frames)
    if not found:
        return {"rank_correlation": None, "rated": 0}
    latents = torch.cat(list(found.values()))
    sizes = torch.tensor([len(points) for points in found.values()])
    classes = torch.arange(len(found)).repeat_interleave(sizes)
    try:
        ratings = bundled_ratings().matched(tuple(found))
    except DataError:  # no two of these instruments were compared
        return {"rank_correlation": None, "rated": 0}
    return {
        "rank_correlation": rank_correlation(latents, classes, ratings),
        "rated": len(found) - len(ratings.unrated()),
    }


def _summary(results: Results) -> Mapping[str, Any]:
    """The numbers by which models are compared."""
    data = results.data
    found: dict[str, Any] = dict(data.get("mean", {}))
    convergences: dict[str, list[float]] = {}
    _collect(data, convergences)
    found["spectral_convergence_db"] = {w: sum(v) / len(v) for w, v in convergences.items()}
    if "walks" in data:
        met = [share for entry in data["walks"] for share in entry["met"]]
        found["targets_met"] = sum(met) / len(met)
    if "instruments" in data:
        found["nearest"] = {e["instrument"]: e["nearest"][0] for e in data["instruments"]}
    return found


def _collect(value: Any, found: dict[str, list[float]]) -> None:
    """Gather the spectral convergences in some data, by the way of phase."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, dict) and "spectral_convergence_db" in inner:
                found.setdefault(name, []).append(inner["spectral_convergence_db"])
            else:
                _collect(inner, found)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, found)


def _beside(results: Results, made: Mapping[str, Sequence[Path]]) -> list[str]:
    """Put pictures that all models have of the same name side by side."""
    if len(made) < 2:
        return []
    by_model = [
        {str(f.relative_to(results.out / name)): f for f in files if f.suffix == ".png"}
        for name, files in made.items()
    ]
    shared = [name for name in by_model[0] if all(name in found for found in by_model)]
    beside = Results(results.out / "side_by_side", "", {})
    written = [
        beside.picture(
            name.removesuffix(".png").replace("/", " "), side_by_side([f[name] for f in by_model])
        )
        for name in shared
    ]
    results.files += beside.files
    return [f"{beside.out.name}/{name}" for name in written]


def _reconstructions(sheet: Sheet, space: Space, out: Path) -> Results:
    notes = sheet.notes(space)
    say_short(notes, sheet.frames, sheet.say)
    return explore_reconstructions(space, notes, out, frames=sheet.frames)


def _instruments(sheet: Sheet, space: Space, out: Path) -> Results:
    """One whole note of each instrument, the loudest near the middle of the keyboard."""
    chosen: dict[str, Note] = {}
    for note in sheet.notes(space):
        known = chosen.setdefault(note.track.instrument, note)
        if _middling(note) < _middling(known):
            chosen[note.track.instrument] = note
    return explore_notes(space, list(chosen.values()), out, sheet.phase, say=sheet.say)


def _middling(note: Note) -> tuple[float, float]:
    return abs(note.track.key - MIDDLE_KEY), -note.track.dynamics


def _inferred(sheet: Sheet, space: Space, out: Path) -> Results:
    notes = sheet.notes(space, held_out=True)
    return explore_projection(
        space, notes, out, sheet.phase, frames=sheet.frames, sounds=bool(sheet.new), say=sheet.say
    )


def _paths(sheet: Sheet, space: Space, out: Path) -> Results:
    pairs = choose_pairs(space, kept_tracks(space), "same")
    animate = "expressive" if sheet.animate else "none"
    return explore_paths(space, pairs, out, sheet.phase, animate=animate, say=sheet.say)


def _random(sheet: Sheet, space: Space, out: Path) -> Results:
    return explore_random(
        space, out, sheet.phase, seed=sheet.phase.seed, animate=sheet.animate, say=sheet.say
    )


def _descriptors(sheet: Sheet, space: Space, out: Path) -> Results:
    grids = (
        mapped(space, condition, sheet.steps, sheet.cache, sheet.say)
        for condition in conditions(space, sheet.labels)
    )
    return explore_topology(space, grids, out, sheet.phase, animate=sheet.animate, say=sheet.say)


def _walks(sheet: Sheet, space: Space, out: Path) -> Results:
    return explore_walk(
        space, kept_tracks(space)[0], out, sheet.phase,
        conditions=conditions(space, sheet.labels), descriptors=SYNTHESISED, targets=TARGETS,
        curves=CURVES, steps=sheet.steps, cache=sheet.cache, animate=sheet.animate, say=sheet.say,
    )  # fmt: skip


_MADE = {
    "plot_reconstructions": _reconstructions,
    "full_instruments": _instruments,
    "perceptual_infer": _inferred,
    "pairwise_paths": _paths,
    "random_paths": _random,
    "plot_descriptors": _descriptors,
    "descriptor_synthesis": _walks,
}
