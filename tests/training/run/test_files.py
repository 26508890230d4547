"""Files are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from synth.contract import DataError, remove_leftovers, write_bytes
from training.run.checkpoint import Checkpoint, load_newest, save_checkpoint

KILLS = 10
# Saves checkpoints of 4 MB, one after the other, each filled with its own step.
SAVER = """
import sys, torch
from pathlib import Path
from training.run.checkpoint import Checkpoint, save_checkpoint
step = 0
while True:
    step += 1
    weights = {"w": torch.full((1 << 20,), float(step))}
    save_checkpoint(Path(sys.argv[1]), Checkpoint(step, "codec", {}, {}, "", weights, {}))
    print(step, flush=True)
"""


def checkpoint(step: int, size: int = 8) -> Checkpoint:
    return Checkpoint(step, "codec", {}, {}, "", {"w": torch.full((size,), float(step))}, {})


@pytest.mark.slow
def test_kills_at_any_time_leave_a_whole_checkpoint(tmp_path: Path) -> None:
    for number in range(KILLS):
        folder = tmp_path / str(number)
        folder.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        # A moment that differs from kill to kill, spread over the time of a few saves.
        until = time.perf_counter() + 0.0037 * number
        while time.perf_counter() < until:
            pass
        process.kill()
        process.wait()
        process.stdout.close()
        found, complaints = load_newest(folder)
        assert complaints == []
        assert found is not None
        assert torch.equal(found.weights["w"], torch.full((1 << 20,), float(found.step)))
        remove_leftovers(folder)
        assert all(p.name.startswith("step-") for p in folder.iterdir())


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 10, 300):
        save_checkpoint(tmp_path, checkpoint(step))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "step-000000010.pt",
        "step-000000300.pt",
    ]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(DataError, match=r"step-000000002.*intact") as caught:
            save_checkpoint(tmp_path, checkpoint(2, size=1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.exit_code == 3
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000001.pt"]
    found, _ = load_newest(tmp_path)
    assert found is not None
    assert found.step == 1


def test_too_little_room_is_said_in_bytes(tmp_path: Path) -> None:
    class More(bytes):
        """A content that says it is larger than any disk."""

        def __len__(self) -> int:
            return 1 << 60

    with pytest.raises(DataError, match=rf"{1 << 60} bytes needed, \d+ free"):
        write_bytes(tmp_path / "file", More(b"x"))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be written"):
        write_bytes(tmp_path / "none" / "file", b"x")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"no checkpoint at all"])
def test_foreign_bytes_are_passed_over(tmp_path: Path, content: bytes) -> None:
    save_checkpoint(tmp_path, checkpoint(1))
    (tmp_path / "step-000000009.pt").write_bytes(content)
    found, complaints = load_newest(tmp_path)
    assert found is not None
    assert found.step == 1
    assert len(complaints) == 1
    assert "step-000000009" in complaints[0]


def test_a_pickle_that_runs_code_is_not_run(tmp_path: Path) -> None:
    proof = tmp_path / "proof"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return (os.mkdir, (str(proof),))

    torch.save({"format": 1, "evil": Evil()}, tmp_path / "step-000000001.pt")
    found, complaints = load_newest(tmp_path)
    assert found is None
    assert len(complaints) == 1
    assert not proof.exists()
