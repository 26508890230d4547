"""`--resume RUN`: a run named by its folder or by a checkpoint is continued here or elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import training_rig as rig

SETTINGS = {"steps": "6", "save_every": "2", "eval_every": "6", "keep_checkpoints": "0"}
LONGER = ("--steps", "8")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("named")
    data = rig.write_tones(folder / "tones")
    done = rig.run(rig.arguments(data, folder / "run", **SETTINGS), folder / "log")
    assert done.wait() == 0, done.said
    return folder / "run"


def resume(made: Path, *words: object) -> rig.Run:
    given = ["train", "codec", "--cache", str(made.parent / "cache"), *map(str, words)]
    return rig.run(given, made.parent / "log2")


@pytest.mark.parametrize("equals", [False, True], ids=["--resume RUN", "--resume=RUN"])
def test_a_folder(made: Path, tmp_path: Path, equals: bool) -> None:
    run = Path(shutil.copytree(made, tmp_path / "run"))
    done = resume(made, *([f"--resume={run}"] if equals else ["--resume", run]), *LONGER)
    assert done.wait() == 0, done.said
    assert sorted(rig.rows(run)) == list(range(1, 9))


def test_a_checkpoint_goes_on_elsewhere(made: Path, tmp_path: Path) -> None:
    before = (made / "metrics.csv").read_bytes()
    file = made / "checkpoints" / "step-000000004.pt"
    done = resume(made, "--resume", file, "--out", tmp_path / "other")
    assert done.wait() == 0, done.said
    assert (made / "metrics.csv").read_bytes() == before
    rows, old = rig.rows(tmp_path / "other"), rig.rows(made)
    assert rows == {step: old[step] for step in (5, 6)}, "the same steps, digit for digit"
    assert (tmp_path / "other/checkpoints/best.pt").exists()


def test_the_data_may_stand_after_the_flag(made: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(made, tmp_path / "run"))
    done = resume(made, "--out", run, "--resume", made.parent / "tones", *LONGER)
    assert done.wait() == 0, done.said


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--resume", "{run}/checkpoints/step-000000002.pt"), "older than step-000000006.pt"),
        (("--resume", "{run}/model.pt", "--out", "{new}"), "model.pt"),
        (("--resume", "{run}/nowhere"), "no run to resume"),
        (("--resume",), "--out is missing"),
        (("--resume", "{run}", "--out", "{run}/.."), "has done 6 already"),
    ],
)
def test_what_cannot_be_resumed_is_one_line(
    made: Path, tmp_path: Path, words: tuple[str, ...], named: str
) -> None:
    done = resume(made, *(word.format(run=made, new=tmp_path / "new") for word in words))
    assert done.wait() in (2, 3)
    assert named in done.said
    assert "Traceback" not in done.said
    assert not (tmp_path / "new").exists()
