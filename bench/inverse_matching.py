"""How well sounds are matched: by random patches, by the head, by candidates, and refined.

    python bench/inverse_matching.py OUT [--voice modular] [--model FILE] [--stage STAGE …]
        [--patches 100000] [--budget CPU_SECONDS] [--sounds 256] [--foreign 64] [--seed 0]

Targets are held-out sounds of the voice itself (split "test") and General MIDI notes that
FluidSynth renders with FluidR3: 16 programs, 4 keys each; fewer are of as many programs as
possible. Stages, each resumed from where it was stopped; what is done lies in OUT:

- retrieval: the nearest of --patches random patches, as they are: no key is set.
- head: what the model's head says.
- candidates: the nearest of 32 that the model proposes.
- refined: after --budget seconds of processor time: 40 are 20 seconds on two cores.
- table: medians and quartiles, as Markdown and as table.json. All stages are compared by the same
  targets: those of --sounds and --foreign that every stage has judged. The table says how many.

So a part can be measured first, of what a long run has begun, and the rest later:

    python bench/inverse_matching.py OUT --sounds 24 --foreign 8 --stage head candidates refined \
        table

Distances are those of training/match/distances.py over the whole 4 s, with the level of each
sound brought to its target's. Processor time is counted, so that other work on the machine changes
nothing. Threads: one, unless OMP_NUM_THREADS says more.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth.contract import DataError, write_bytes
from synth.models.inverse.voices import Voice, make_voice
from synth.models.inverse.voices.sounds import knob_positions, noise, numbers_of
from training.match.candidates import in_key
from training.match.distances import DISTANCES, parameter_error
from training.match.judging import Judge
from training.match.proposing import find_proposer
from training.match.retrieval import Retrieval
from training.match.search import PROPOSED, Search
from training.match.target import Target, make_target
from training.recipes.soundfont import Note, Slot, find_renderer, render

STAGES = ("retrieval", "head", "candidates", "refined", "table")
NAMES = {
    "retrieval": "best of random patches",
    "head": "head",
    "candidates": "best of 32 proposed",
    "refined": "refined",
}
PIECE = 512  # patches between two writings
# Keyboards, bars, organs, guitars, basses, strings, voices, brass, reeds, pipes, leads, plucked
# and struck ones, of the families of General MIDI.
PROGRAMS = (0, 4, 11, 16, 24, 33, 40, 48, 52, 56, 60, 71, 73, 80, 105, 114)
KEYS = (43, 55, 64, 76)
HELD_MS, LENGTH_MS, VELOCITY = 2_000, 4_000, 90


def own_targets(voice: Voice, count: int) -> list[tuple[Target, Tensor]]:
    """The first held-out sounds that aren't silent, and their knob positions `[1, parameters]`."""
    made: list[tuple[Target, Tensor]] = []
    place = 0
    while len(made) < count:
        numbers = numbers_of("test", place, 1)
        units = knob_positions(voice.names, numbers)
        place += 1
        audio = voice.render(units, noise(numbers, voice.samples))[0]
        try:
            target = make_target(f"own-{numbers[0]}", audio, voice, gain=1.0)
        except DataError:
            continue
        made.append((target, units))
    return made


def foreign_targets(voice: Voice, count: int) -> list[tuple[Target, None]]:
    """General MIDI notes."""
    if not count:
        return []
    program, soundfont = find_renderer()
    every = [
        Slot(f"gm-{number}-{key}", (number,), (Note(0, key, VELOCITY, 0, HELD_MS),), LENGTH_MS)
        for number in PROGRAMS
        for key in KEYS
    ]
    # Few are spread over the programs, each with the next key.
    count = min(count, len(every))
    apart = len(every) // count
    slots = [every[i * len(every) // count + i % apart] for i in range(count)]
    clips = render(slots, program, soundfont, voice.sample_rate)
    return [
        (make_target(name, torch.from_numpy(clip.copy()), voice), None)
        for name, clip in clips.items()
    ]


class Bench:
    """Targets, and the folder that figures are kept in."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.out = options, Path(options.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.voice = make_voice(options.voice)
        with torch.no_grad():
            self.targets = [
                *own_targets(self.voice, options.sounds),
                *foreign_targets(self.voice, options.foreign),
            ]

    def retrieval(self) -> None:
        sounds = torch.cat([target.audio for target, _ in self.targets])
        search = Retrieval(self.voice, sounds)
        state, done = self.out / "retrieval.npz", self.out / "retrieval.json"
        if state.exists():
            search.load(state)
        began, first = time.process_time(), search.count
        while search.count < self.options.patches:
            search.extend(min(PIECE, self.options.patches - search.count))
            search.save(state)
            spent = (time.process_time() - began) / (search.count - first)
            print(f"{search.count} patches, {1000 * spent:.1f} ms each", flush=True)
        if done.exists():
            return
        found = search.nearest(lambda i, n: print(f"judged {i} of {n}", flush=True))
        curve = {
            "counts": found.counts,
            "own": found.curve[: self.options.sounds].median(0).values.tolist(),
            "foreign": found.curve[self.options.sounds :].median(0).values.tolist()
            if self.options.foreign
            else [],
        }
        for i, (target, _) in enumerate(self.targets):
            self._note("retrieval", target.name, i, found.units[i : i + 1], 0.0)
        write_bytes(done, json.dumps(curve).encode())

    def by_model(self, stage: str) -> None:
        proposer = find_proposer(self.options.model, self.voice)
        if proposer is None:
            raise SystemExit("there is no model: give --model")
        noted = {row["target"] for row in self._noted(stage)}
        for i, (target, _) in enumerate(self.targets):
            if target.name in noted:
                continue
            began = time.process_time()
            if stage == "refined":
                search = Search(
                    target, self.voice, proposer, budget=self.options.budget,
                    seed=self.options.seed, clock=time.process_time,
                )  # fmt: skip
                units = search.run().units[:1]
            else:
                generator = torch.Generator().manual_seed(self.options.seed)
                shape = (PROPOSED, len(self.voice.names))
                drawn = torch.randn(shape, generator=generator)
                proposed = in_key(self.voice, target, proposer.propose(target.audio, drawn))
                judge = Judge(target, self.voice)
                count = 1 if stage == "head" else PROPOSED
                units = proposed[judge.distances(proposed[:count]).argmin()][None]
            self._note(stage, target.name, i, units, time.process_time() - began)
            print(f"{stage}: {i + 1} of {len(self.targets)}", flush=True)

    def _note(self, stage: str, name: str, place: int, units: Tensor, seconds: float) -> None:
        """Measure a patch and append it to the stage's file."""
        target, own = self.targets[place]
        judge = Judge(target, self.voice, self.voice.seconds)
        row = {"target": name, "seconds": round(seconds, 3)}
        row |= {key: values[0] for key, values in judge.all_distances(units).items()}
        if own is not None:
            made, meant = self._written(units, target), self._written(own, target)
            row["parameter_error"] = float(parameter_error(made, meant, self.voice))
        with (self.out / f"{stage}.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")

    def _written(self, units: Tensor, target: Target) -> Tensor:
        """The same sound, written for the key that is heard, where its tunings allow it."""
        key = torch.full((len(units), 1), target.key)
        return self.voice.moved_to(units, key)[0] if target.has_key else units

    def _noted(self, stage: str) -> list[dict[str, Any]]:
        path = self.out / f"{stage}.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines()]

    def _judged_by_all(self, kind: str) -> set[str]:
        """Targets of a kind that every stage has judged, of those that judged any."""
        asked = {target.name for target, _ in self.targets if target.name.startswith(kind)}
        done = [asked & {str(row["target"]) for row in self._noted(stage)} for stage in NAMES]
        return set.intersection(*filter(None, done)) if any(done) else set()

    def table(self) -> None:
        measures = [*DISTANCES, "parameter_error"]
        table: dict[str, dict[str, Any]] = {}
        for kind in ("own", "gm"):
            judged = self._judged_by_all(kind)
            print(f"\n| {kind}, {len(judged)} targets | {' | '.join(measures)} | CPU s |")
            print(f"|---|{'---:|' * (len(measures) + 1)}")
            for stage, title in NAMES.items():
                rows = [row for row in self._noted(stage) if row["target"] in judged]
                if not rows:
                    continue
                found = table.setdefault(kind, {"targets": len(judged)})[stage] = {}
                cells = []
                for measure in (*measures, "seconds"):
                    values = [r[measure] for r in rows if measure in r]
                    quartiles = np.quantile(values, (0.25, 0.5, 0.75)).tolist() if values else []
                    found[measure] = quartiles
                    low, middle, high = quartiles or (np.nan,) * 3
                    cells.append(f"{middle:.3g} ({low:.3g} … {high:.3g})" if quartiles else "-")
                print(f"| {title} | {' | '.join(cells)} |")
        write_bytes(self.out / "table.json", json.dumps(table, indent=1).encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--voice", default="modular")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--stage", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--patches", type=int, default=100_000)
    parser.add_argument("--budget", type=float, default=40.0)
    parser.add_argument("--sounds", type=int, default=256)
    parser.add_argument("--foreign", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"python {shlex.join(sys.argv)}")
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__},"
          f" {torch.get_num_threads()} threads")  # fmt: skip
    bench = Bench(options)
    for stage in options.stage:
        if stage == "retrieval":
            bench.retrieval()
        elif stage == "table":
            bench.table()
        else:
            bench.by_model(stage)


if __name__ == "__main__":
    main()
