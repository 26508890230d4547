"""Measure how far timbre spaces agree with ratings, for each way of regularising them.

    python bench/timbre_perception.py NOTES --out FOLDER [--only seeds|left-out]
    python bench/timbre_perception.py --out FOLDER --report

NOTES are the twelve rated instruments, as `python -m training.recipes.timbre` renders them. For
each of three seeds, a space is trained without regularisation, and from where a third of that
was done, one with each of the four regularisers; figures are those of held-out notes. Then each of
the instruments is left out of training in turn, and its notes are projected into the space of the
other eleven: which of these is nearest, and is it of the same family?

Each run leaves a JSON in FOLDER. Called again, the script goes on with those that are missing. All
of it takes less than an hour on one core.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch

from synth.models.package import read_tensors, unpack
from synth.models.timbre import Timbre
from training.planning import plan_run
from training.run.folder import Resumed
from training.timbre.config import TimbrePlan
from training.timbre.families import family_of, nearest
from training.timbre.frames.material import labels_in, material
from training.timbre.monitor.evaluation import figures, passed
from training.timbre.ratings import bundled_ratings
from training.train import train

SEEDS = (0, 1, 2)
WAYS: dict[str, dict[str, Any]] = {
    "l2": {"regularization": "l2", "alpha": 100.0},
    "prior": {"regularization": "prior", "alpha": 1.0},
    "student": {"regularization": "student", "alpha": 100.0},
    "gaussian": {"regularization": "gaussian", "alpha": 100.0},
    # As the preset `live` has it: the other half of the axes is free for what isn't the instrument.
    "l2-first-8": {"regularization": "l2", "alpha": 20.0, "target_dims": "first", "mds_dims": 8},
}
FREE_STEPS, SHAPED_STEPS = 2_000, 4_000
SETTINGS: dict[str, Any] = {
    "conditioning": ("pitch", "octave", "dynamics"), "floor": 1e-4, "frames": (10, 25, 5),
    "beta": 0.2,
    "learning_rate": 1e-3, "warmup_epochs": 10, "held_out": 0.1, "highest_octave": 5,
    "eval_every": 1_000_000, "log_every": 100, "save_epochs": 10, "threads": 1, "epochs": 1,
    "twofold_epochs": 2, "plot_reconstructions": False, "plot_statistics": False,
    "plot_latentspace": False, "latent_dims": 16, "hidden_dims": 512, "target_dims": "all",
    "mds_dims": 0,
}  # fmt: skip
FIGURES = ("rating_divergence", "rank_correlation", "reconstruction", "log_density")


class Bench:
    """The runs, each in a folder of its own.

    Args:
        notes: folder of recordings; out: of the runs; cache: of decoded audio, None: the user's.
    """

    def __init__(self, notes: Path, out: Path, cache: Path | None) -> None:
        self._notes, self._out, self._cache = notes, out, cache

    def seeds(self) -> None:
        """All regularisers and none, for each seed."""
        for seed in SEEDS:
            base = {"seed": seed, "regularization": "none"}
            self._train(f"base-{seed}", {**base, "steps": FREE_STEPS})
            start = str(self._out / f"base-{seed}" / "model.pt")
            for way, chosen in WAYS.items():
                flags = {"seed": seed, "steps": SHAPED_STEPS, "load": start, **chosen}
                self._train(f"{way}-{seed}", flags)
            self._train(f"none-{seed}", {**base, "steps": FREE_STEPS + SHAPED_STEPS})

    def left_out(self) -> None:
        """Each instrument left out in turn."""
        everything = self._plan(self._notes, {"steps": 1})
        labels = labels_in(everything.library.clips, everything.data, 0)
        for name in everything.model.instruments:
            others = self._out / f"notes-without-{name}"
            others.mkdir(parents=True, exist_ok=True)
            for clip, label in zip(everything.library.clips, labels, strict=True):
                link = others / clip.source.name
                if label.instrument != name and not link.is_symlink():
                    link.symlink_to(clip.source.resolve())
            flags: dict[str, Any] = {"steps": FREE_STEPS + SHAPED_STEPS, **WAYS["l2"]}
            self._train(f"without-{name}", flags, others)
            self._project(name, everything, self._plan(others, flags))

    def _project(self, name: str, everything: TimbrePlan, plan: TimbrePlan) -> None:
        path = self._out / f"without-{name}.json"
        found = json.loads(path.read_text())
        if "nearest" in found:
            return
        model = _opened(self._out / f"without-{name}")
        number = everything.model.instruments.index(name)
        known, all_of_it = material(plan, plan.learned), material(everything, everything.learned)
        latents = known.means(model)
        own = all_of_it.means(model)[all_of_it.classes == number]
        where = nearest(
            name, own, latents, known.classes, plan.model.instruments, bundled_ratings()
        )
        found |= {
            "nearest": where.order[0], "akin": where.is_akin, "rank": where.rank,
            "order": list(where.order), "shares": where.shares, "rated": list(where.rated),
        }  # fmt: skip
        path.write_text(json.dumps(found, indent=2))

    def _plan(self, notes: Path, flags: Mapping[str, Any]) -> TimbrePlan:
        flags = {**SETTINGS, **flags}
        return plan_run("timbre", notes, preset="live", flags=flags, cache=self._cache)

    def _train(self, name: str, flags: Mapping[str, Any], notes: Path | None = None) -> None:
        """A run, from where it was interrupted; its figures as JSON."""
        folder, path = self._out / name, self._out / f"{name}.json"
        if path.exists():
            return
        begun = time.process_time()
        resumed = Resumed(folder) if any((folder / "checkpoints").glob("step-*.pt")) else None
        if resumed is None:
            shutil.rmtree(folder, ignore_errors=True)
        plan = self._plan(notes or self._notes, flags)
        train(plan, folder, resumed=resumed, quiet=True)
        found: dict[str, Any] = {"processor_seconds": round(time.process_time() - begun)}
        model = _opened(folder)
        for part, clips in (("held out", plan.held_out), ("learned", plan.learned)):
            measured = figures(plan, passed(model, material(plan, clips)))
            found[part] = {name: measured[f"held_out_{name}"] for name in FIGURES}
        path.write_text(json.dumps({**found, "flags": dict(flags)}, indent=2))
        print(name, found, flush=True)


def _opened(folder: Path) -> Timbre:
    """The model of a run."""
    with (folder / "model.pt").open("rb") as file:
        return cast(Timbre, unpack(read_tensors(file)).model)


def report(out: Path) -> str:
    """The tables in words, as far as the runs are done."""
    return "\n".join([*_seeds_table(out), "", *_left_out_table(out)])


def _seeds_table(out: Path) -> list[str]:
    """Figures of each way over the seeds that all ways with a run have."""
    ways = {}
    for way in ("none", *WAYS):
        paths = out.glob(f"{way}-[0-9].json")
        ways[way] = {int(path.stem[-1]): json.loads(path.read_text()) for path in paths}
    done = [set(runs) for runs in ways.values() if runs]
    seeds = sorted(set.intersection(*done)) if done else []
    lines = [f"seeds {seeds}, the same in each row"]
    for part in ("held out", "learned"):
        lines.append(f"{part:10}" + "".join(f"{name:>24}" for name in FIGURES) + "   steps")
        for way, runs in ways.items():
            chosen = [runs[seed] for seed in seeds if seed in runs]
            told = "".join(f"{_mean([run[part][name] for run in chosen]):>24}" for name in FIGURES)
            steps = sorted({_steps(run["flags"]) for run in chosen})
            lines.append(f"{way:10}{told}   {', '.join(map(str, steps)) or '-'}")
        lines.append("")
    return lines[:-1]


def _steps(flags: Mapping[str, Any]) -> int:
    """Steps in all, with those of the run that another began from."""
    return int(flags["steps"]) + (FREE_STEPS if flags.get("load") else 0)


def _mean(values: list[float]) -> str:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f} ± {spread:.3f}" if values else "-"


def _left_out_table(out: Path) -> list[str]:
    lines = [f"{'left out':16}{'nearest':16}{'family':12}akin  place among rated"]
    placed = []
    for path in sorted(out.glob("without-*.json")):
        found, name = json.loads(path.read_text()), path.stem.removeprefix("without-")
        if "nearest" in found:
            placed.append(found["akin"])
            near, told = found["nearest"], "yes" if found["akin"] else "no"
            lines.append(f"{name:16}{near:16}{family_of(near):12}{told:6}{found['rank']}")
    return [*lines, f"akin: {sum(placed)} of {len(placed)}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notes", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--only", choices=["seeds", "left-out"])
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if not given.report:
        if given.notes is None:
            parser.error("NOTES is missing")
        given.out.mkdir(parents=True, exist_ok=True)
        bench = Bench(given.notes, given.out, given.cache)
        for name, part in {"seeds": bench.seeds, "left-out": bench.left_out}.items():
            if given.only in (None, name):
                part()
    print(report(given.out))


if __name__ == "__main__":
    main()
