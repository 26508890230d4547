"""What each subcommand of `synth timbre` does: opens the model, reads notes, explores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.explore.circling import explore_random
from training.explore.grids import mapped
from training.explore.labels import Condition, conditions, read_keys
from training.explore.notes import Say, known_instrument, read_notes
from training.explore.pairs import choose_pairs, explore_paths
from training.explore.pictures.animation import say_gif
from training.explore.projecting import explore_projection
from training.explore.results import Results
from training.explore.sound import Phase
from training.explore.space import Track, kept_tracks, key_name, open_space
from training.explore.topology import explore_topology
from training.explore.walking import explore_walk
from training.explore.whole_notes import explore_notes

PHASE = ("phase", "iterations", "momentum")


class Explorer:
    """A model that is opened, and what every subcommand is told.

    Args:
        model: `model.pt` or the folder of its run.
        out: folder of what is written.
        seed: of all that is drawn by lot.
        device: of torch, or "auto".
        cache: folder of what is computed once; None: the user's.
        say: prints what is being done.
        phase, iterations, momentum: how phase is found, see `Phase`.

    Raises:
        ConfigError: a value is out of its range.
        ModelFileError: the model can't be used.
    """

    def __init__(
        self,
        model: Path,
        *,
        out: Path,
        seed: int = 0,
        device: str = "auto",
        cache: Path | None = None,
        say: Say = lambda text: None,
        phase: str = "heap+griffin-lim",
        iterations: int = 0,
        momentum: float = 0.99,
    ) -> None:
        self.out, self.seed, self.cache, self.say = out, seed, cache, say
        self.phase = Phase(phase, iterations, momentum, seed)
        self.space = open_space(model, device)

    def notes(self, places: Sequence[Path], *, seconds: float = 0.0) -> list[Path]:
        """Send whole notes through the space.

        Args:
            places: audio files or folders; seconds: at most so much of each note, 0: all.
        """
        notes = read_notes(self.space, places, seconds=seconds, cache=self.cache, say=self.say)
        return self._told(explore_notes(self.space, notes, self.out, self.phase, say=self.say))

    def paths(
        self,
        places: Sequence[Path],
        *,
        source: str = "",
        target: str = "",
        select: str = "same",
        seconds: float = 2.5,
        animate: str = "expressive",
    ) -> list[Path]:
        """Go from instrument to instrument.

        Args:
            places: audio files or folders; none: the notes that are kept in the model.
            source, target: instruments; "": all.
            select: which notes, see `choose_pairs`.
            seconds: of each sound; animate: see `explore_paths`.
        """
        pairs = choose_pairs(self.space, self._tracks(places), select, source, target)
        return self._told(
            explore_paths(
                self.space, pairs, self.out, self.phase,
                seconds=seconds, animate=animate, say=self.say,
            )
        )  # fmt: skip

    def random(
        self,
        places: Sequence[Path],
        *,
        count: int = 1,
        pitch: str = "",
        dynamics: str = "",
        seconds: float = 5.0,
        animate: bool = True,
    ) -> list[Path]:
        """Go round in circles and spirals.

        Args:
            places: notes that are the centres; none: places near the middle of the space.
            count: paths of each kind.
            pitch: MIDI keys or names with commas between; "": one that is drawn for each path.
            dynamics: by name; seconds: of each sound; animate: whether there are animations.
        """
        return self._told(
            explore_random(
                self.space, self.out, self.phase,
                count=count, seed=self.seed, keys=read_keys(pitch) if pitch else (),
                dynamics=dynamics, centres=self._tracks(places) if places else (),
                seconds=seconds, animate=animate, say=self.say,
            )
        )  # fmt: skip

    def topology(
        self,
        *,
        labels: tuple[int, ...],
        octave: int = 4,
        dynamics: str = "",
        steps: int = 60,
        seconds: float = 1.0,
        animate: bool = True,
    ) -> list[Path]:
        """Draw descriptors over the space.

        Args:
            labels, octave, dynamics: see `conditions`.
            steps: along each axis; seconds: of each sound; animate: whether there are animations.
        """
        grids = (
            mapped(self.space, condition, steps, self.cache, self.say)
            for condition in conditions(self.space, labels, octave, dynamics)
        )
        return self._told(
            explore_topology(
                self.space, grids, self.out, self.phase,
                seconds=seconds, animate=animate, say=self.say,
            )
        )  # fmt: skip

    def walk(
        self,
        places: Sequence[Path],
        *,
        descriptor: tuple[str, ...],
        target: tuple[str, ...],
        curve: tuple[str, ...],
        source: str = "",
        pitch: str = "",
        reach: float | None = None,
        steps: int = 60,
        seconds: float = 2.5,
        animate: bool = True,
    ) -> list[Path]:
        """Walk where a descriptor goes up or down.

        Args:
            places: notes of which the first is the beginning; none: one that is kept in the model.
            descriptor, target, curve: each of these with each of those, see `explore_walk`.
            source: instrument that the walk begins at; "": the first there is.
            pitch: MIDI keys or names; "": that of the note; reach: see `explore_walk`.
            steps: of the grid; seconds: of each sound; animate: whether there are animations.
        """
        tracks = self._tracks(places)
        if source:
            source = known_instrument(source, [track.instrument for track in tracks])
        track = next(t for t in tracks if source in ("", t.instrument))
        keys = read_keys(pitch) if pitch else (track.key,)
        return self._told(
            explore_walk(
                self.space, track, self.out, self.phase,
                conditions=[Condition(key_name(key), key, track.dynamics) for key in keys],
                descriptors=descriptor, targets=target, curves=curve, reach=reach, steps=steps,
                cache=self.cache, seconds=seconds, animate=animate, say=self.say,
            )
        )  # fmt: skip

    def project(
        self, places: Sequence[Path], *, frames: tuple[int, int], seconds: float = 0.0
    ) -> list[Path]:
        """Place new instruments in the space.

        Args:
            places: audio files or folders.
            frames: first of the frames that are placed, and the one after the last.
            seconds: at most so much of each note, 0: all.
        """
        notes = read_notes(self.space, places, seconds=seconds, cache=self.cache, say=self.say)
        return self._told(
            explore_projection(self.space, notes, self.out, self.phase, frames=frames, say=self.say)
        )

    def _tracks(self, places: Sequence[Path]) -> Sequence[Track]:
        """The notes of files and folders; without any, those that the model keeps."""
        if places:
            notes = read_notes(self.space, places, cache=self.cache, say=self.say)
            return [note.track for note in notes]
        return kept_tracks(self.space)

    def _told(self, results: Results) -> list[Path]:
        say_gif(results.files, self.say)
        return results.files


def explore(subcommand: str, model: Path, settings: dict[str, Any], *given: Any) -> list[Path]:
    """Run a subcommand.

    Args:
        subcommand: name of a method of `Explorer`.
        model: `model.pt` or the folder of its run.
        settings: those of `Explorer`, and those of the method.
        given: arguments of the method.

    Returns:
        the files that were written, the JSON last.

    Raises:
        SynthError: what the user can put right.
    """
    common = ("out", "seed", "device", "cache", "say", *PHASE)
    shared = {name: settings.pop(name) for name in common if name in settings}
    found: list[Path] = getattr(Explorer(model, **shared), subcommand)(*given, **settings)
    return found
