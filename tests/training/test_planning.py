"""A run's recordings are found again, from another folder and after a move."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import training_rig as rig
import yaml

from synth.contract import DataError
from training.planning import plan_run
from training.run.plan import AnyPlan, data_summary, plan_as_dict

FLAGS: dict[str, Any] = {
    "sample_rate": 16_000, "channels": 4, "strides": (2, 4), "latent_dim": 8, "kernel": 3,
}  # fmt: skip


def planned(tmp_path: Path, data: str | Path | None, resume: Path | None = None) -> AnyPlan:
    flags = {} if resume else FLAGS
    return plan_run("codec", data, flags=flags, cache=tmp_path / "cache", resume_from=resume)


def written_run(tmp_path: Path, plan: AnyPlan, **more: object) -> Path:
    out = tmp_path / "project" / "runs" / "mine"
    out.mkdir(parents=True)
    (out / "config.yaml").write_text(yaml.safe_dump({**plan_as_dict(plan), **more}))
    return out


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rig.write_tones(tmp_path / "project" / "sounds", files=2, seconds=0.3)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def test_a_relative_path_is_found_from_anywhere(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tmp_path, "sounds")
    assert plan.data == str(project / "sounds")
    assert data_summary(plan)["path"] == str(project / "sounds")
    out = written_run(tmp_path, plan)
    monkeypatch.chdir(tmp_path)
    again = planned(tmp_path, None, out)
    assert again.library.fingerprint() == plan.library.fingerprint()
    assert planned(tmp_path, None, Path("project/runs/mine")).data == plan.data


def test_a_relative_path_of_a_run_from_before_is_found_near_it(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = written_run(tmp_path, planned(tmp_path, "sounds"), data="sounds")
    monkeypatch.chdir(tmp_path)
    assert planned(tmp_path, None, out).data == str(project / "sounds")


def test_a_moved_folder_is_said_and_taken_anew(project: Path, tmp_path: Path) -> None:
    plan = planned(tmp_path, "sounds")
    out = written_run(tmp_path, plan)
    (project / "sounds").rename(project / "moved")
    with pytest.raises(
        DataError, match=r"recordings were in .*sounds.* if they were moved"
    ) as said:
        planned(tmp_path, None, out)
    assert str(out) in str(said.value)
    again = planned(tmp_path, "moved", out)
    assert again.data == str(project / "moved")
    assert again.library.is_known_as(plan.library.fingerprint())
