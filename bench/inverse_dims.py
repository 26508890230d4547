"""Sweep the size of the embedding: what it is worth for retrieval and for resynthesis.

    python bench/inverse_dims.py [--dims 32,64,128,256,512,1024] [--preset live] [--steps 2000]
                                 [--sounds 64] [--out FOLDER] [--json FILE]

For each size an embedding is learned by VICReg, then head and flow on top of it while it is tuned,
both for as many steps. Reported are the mean rank of a held-out sound's own parameters among those
of all, and the median distances of what the head finds and of the best of five proposals, beside
another sound's. `--preset tiny --steps 20 --dims 8,16` shows within a minute or two how it runs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from synth.models.package import read_tensors
from training.planning import plan_run
from training.train import train

FIGURES = {
    "rank": "held_out_rank",
    "head": "held_out_head_distance",
    "best": "held_out_distance",
    "other": "held_out_other_distance",
}


def figures_of(preset: str, out: Path, flags: dict[str, Any]) -> tuple[Path, dict[str, float]]:
    """The model of a run and its figures on held-out sounds."""
    path = train(plan_run("inverse", None, preset=preset, flags=flags), out).model
    with path.open("rb") as file:
        return path, read_tensors(file)["provenance"]["figures"]


def sweep(preset: str, dim: int, steps: int, sounds: int, out: Path) -> dict[str, float]:
    """The figures of one size."""
    flags = {
        "dim": dim, "steps": steps, "eval_every": steps, "save_every": steps,
        "eval_seconds": 4.0 * sounds, "threads": 1,
    }  # fmt: skip
    learned, ranked = figures_of(preset, out / f"vicreg-{dim}", {**flags, "stage": "vicreg"})
    _, matched = figures_of(preset, out / f"patches-{dim}", {**flags, "load": str(learned)})
    found = {**ranked, **matched}
    return {name: round(found[figure], 4) for name, figure in FIGURES.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dims", default="32,64,128,256,512,1024")
    parser.add_argument("--preset", default="live")
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--sounds", type=int, default=64)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    out = given.out or Path(tempfile.mkdtemp())
    report = {
        dim: sweep(given.preset, dim, given.steps, given.sounds, out)
        for dim in map(int, given.dims.split(","))
    }
    print(f"{'dim':>6}" + "".join(f"{name:>10}" for name in FIGURES))
    for dim, row in report.items():
        print(f"{dim:>6}" + "".join(f"{value:>10.4g}" for value in row.values()))
    if given.json:
        given.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
