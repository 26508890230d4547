"""`--resume` from checkpoints that were damaged: refused in one line that says what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import training_rig as rig

from synth.contract import ModelFileError
from training.run.checkpoint import load_checkpoint

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps with one checkpoint, beside its data."""
    folder = tmp_path_factory.mktemp("stopped")
    data = rig.write_tones(folder / "tones")
    settings = {"steps": "4", "keep_checkpoints": "1"}
    done = rig.run(rig.arguments(data, folder / "run", **settings), folder / "log")
    assert done.wait() == 0, done.said
    return folder / "run"


def resume(run: Path) -> tuple[int, str]:
    """The exit code of `--resume` to step 6, and what it said."""
    given = ["train", "codec", "--out", str(run), "--resume", "--steps", "6"]
    cache = next(p for p in (run.parent, *run.parents) if (p / "cache").exists()) / "cache"
    done = rig.run([*given, "--cache", str(cache)], run / "log")
    return done.wait(), done.said


def first_moment(data: dict[str, Any]) -> dict[str, Any]:
    """The optimiser's state of the first parameter."""
    state: dict[str, Any] = next(iter(data["optimizer"]["state"].values()))
    return state


DAMAGES: dict[str, Change] = {
    "weights": lambda d: d["weights"].popitem(),
    "weights' shape": lambda d: d["weights"].update(
        {k: v[None, None] for k, v in d["weights"].items()}
    ),
    "optimiser": lambda d: d["optimizer"].pop("param_groups"),
    "optimiser's shape": lambda d: first_moment(d).update(exp_avg=torch.zeros(1, 2, 3, 4)),
    "step": lambda d: d.update(step="four"),
    "settings": lambda d: d.update(training=[1]),
    "nothing left": lambda d: d.clear(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_only_checkpoint_is_damaged(stopped: Path, tmp_path: Path, damage: str) -> None:
    """Training neither crashes nor starts again at step 0 over what is there."""
    run = stopped.with_name(tmp_path.name)
    shutil.copytree(stopped, run)
    (path,) = (run / "checkpoints").glob("step-*.pt")
    data = torch.load(path, weights_only=True)
    DAMAGES[damage](data)
    torch.save(data, path)
    before = (run / "metrics.csv").read_bytes()
    code, said = resume(run)
    assert code == 3, said
    assert "Traceback" not in said
    assert path.name in said
    assert (run / "metrics.csv").read_bytes() == before


def test_a_foreign_file_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "step-000000001.pt"
    for content in (b"", b"hello", b"PK\x03\x04", bytes(2000)):
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match="not a readable checkpoint") as caught:
            load_checkpoint(path)
        assert "\n" not in str(caught.value)
    path.unlink()
    path.mkdir()
    with pytest.raises(ModelFileError, match="not a readable checkpoint"):
        load_checkpoint(path)
