"""`match`: from audio files to patches, sounds, a page and a table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synth.contract import ConfigError, DataError, SynthError, require_within, write_bytes
from synth.contract.audio import SUFFIXES
from synth.models.inverse.voices import Voice, make_voice
from training.match.judging import threads_for_patches
from training.match.losses import LOSSES
from training.match.page import page
from training.match.proposing import Proposer, find_proposer
from training.match.results import (
    Outcome,
    make_folder,
    outcome,
    safe_name,
    write_outcome,
    write_table,
)
from training.match.search import Search
from training.match.target import Target, read_target

MAX_KEPT = 32
MAX_TARGETS = 10_000
Say = Callable[[str], None]
# Name of the target, seconds that are over, the budget in seconds, distance in dB.
Show = Callable[[str, float, float, float], None]


@dataclass
class Matched:
    """What was done.

    Attributes:
        outcomes: of each target.
        files: that were written: the page first, or the first patch.
        stopped: whether it was interrupted.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    stopped: bool = False


def match(
    targets: Sequence[Path],
    *,
    out: Path,
    voice: str = "modular",
    model: Path | None = None,
    budget: float = 20.0,
    keep: int = 3,
    seed: int = 0,
    loss: str = "",
    say: Say = lambda text: None,
    show: Show = lambda name, seconds, budget, distance: None,
) -> Matched:
    """Find the patches of a voice that sound like some recordings.

    Args:
        targets: audio files, or folders of them.
        out: folder of what is written; of several targets, each has one of its own in it.
        voice: in the table of voices.
        model: that proposes patches, see `find_proposer`.
        budget: seconds of each target; 0: the first patch at once.
        keep: patches of each target.
        seed: of all that is drawn by lot.
        loss: of refinement, see `LOSSES`; "": `DEFAULT_LOSS`.
        say: takes sentences for people.
        show: takes a target's name, the seconds that are over, the budget and the least distance.

    Raises:
        ConfigError: a value is out of range, or the voice or the loss is unknown.
        DataError: a target is missing or can't be used; of several, only if none can.
        ModelFileError: the model can't be used.
    """
    require_within("budget", budget, 0.0, 86_400.0)
    require_within("keep", keep, 1, MAX_KEPT)
    if loss and loss not in LOSSES:
        raise ConfigError(f"loss {loss!r} is unknown; known are {', '.join(LOSSES)}")
    player = make_voice(voice)
    files = find_targets(targets)
    proposer = find_proposer(model, player)
    if proposer is None:
        say(f"no model of the voice {voice} is there: patches are drawn by lot and refined")
    make_folder(out)
    done = Matched()
    folders = _folders(out, files)
    for path, folder in zip(files, folders, strict=True):
        target = _read(path, player, say, alone=len(files) == 1)
        if target is None:
            continue
        try:
            result = _search(target, player, proposer, budget, keep, seed, loss, show)
        except KeyboardInterrupt:
            done.stopped = True
            break
        done.files += write_outcome(folder, result, player.sample_rate)
        done.outcomes.append(result)
        if result.stopped:
            done.stopped = True
            break
    _finish(done, out, player)
    return done


def find_targets(places: Sequence[Path]) -> list[Path]:
    """The audio files of some files and folders, sorted within each folder.

    Raises:
        DataError: a place is missing, or there is no audio in a folder.
    """
    found: list[Path] = []
    for place in places:
        if not place.is_dir():
            if not place.exists():
                raise DataError(f"{place}: no such file; give an audio file, or a folder of them")
            found.append(place)
            continue
        inside = sorted(p for p in place.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        if not inside:
            raise DataError(f"{place}: no audio in it; known are {', '.join(SUFFIXES)}")
        found += inside
    if len(found) > MAX_TARGETS:
        raise DataError(f"{len(found)} targets; at most {MAX_TARGETS} are matched in one go")
    return found


def _folders(out: Path, files: Sequence[Path]) -> list[Path]:
    """The folder of each target: `out` itself if it is alone."""
    if len(files) == 1:
        return [out]
    taken: set[str] = set()
    folders = []
    for path in files:
        base = name = safe_name(path.stem)
        count = 1
        while name in taken:
            count += 1
            name = f"{base}-{count}"
        taken.add(name)
        folders.append(out / name)
    return folders


def _read(path: Path, voice: Voice, say: Say, *, alone: bool) -> Target | None:
    """A target; among several, one that can't be used is named and left out."""
    try:
        target = read_target(path, voice)
    except SynthError as error:
        if alone:
            raise
        say(f"left out: {error}")
        return None
    for remark in target.remarks:
        say(f"{target.name}: {remark}")
    return target


def _search(
    target: Target,
    voice: Voice,
    proposer: Proposer | None,
    budget: float,
    keep: int,
    seed: int,
    loss: str,
    show: Show,
) -> Outcome:
    began = time.monotonic()

    def tell(seconds: float, distance: float) -> None:
        show(target.name, seconds, budget, distance)

    with threads_for_patches() as threads:
        search = Search(
            target, voice, proposer, budget=budget, seed=seed, loss=loss, threads=threads, tell=tell
        )
        found = search.run()
    return outcome(target, voice, found, keep, time.monotonic() - began)


def _finish(done: Matched, out: Path, voice: Voice) -> None:
    """Write page and table of what was matched."""
    if not done.outcomes:
        if done.stopped:
            return
        raise DataError("none of the targets can be used; see above")
    if len(done.outcomes) > 1:
        write_table(out / "matches.csv", done.outcomes)
        done.files.insert(0, out / "matches.csv")
    names = ", ".join(result.target.name for result in done.outcomes[:3])
    more = len(done.outcomes) - 3
    title = f"{names}{f' and {more} more' if more > 0 else ''}, by the voice {voice.name}"
    write_bytes(out / "report.html", page(done.outcomes, voice, title).encode())
    done.files.insert(0, out / "report.html")
