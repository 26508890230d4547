"""A run that takes a second: little audio, a very small codec, and the command that trains it."""

from __future__ import annotations

import csv
import multiprocessing
import os
import resource
import signal
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
PATIENCE_S = 60.0
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["training.train", "training.dry_run", "synth.cli.train"])
MODEL = {
    "--sample-rate": "16000",
    "--channels": "4",
    "--strides": "2,4",
    "--dilations": "1",
    "--kernel": "3",
    "--latent-dim": "8",
    "--levels": "2",
    "--codebook-size": "16",
}
RUN = {
    "--batch-size": "2",
    "--crop-seconds": "0.1",
    "--mel-windows": "64,256",
    "--warmup-steps": "2",
    "--log-every": "1",
    "--eval-seconds": "1",
    "--statistics-seconds": "1",
    "--threads": "1",
    "--precision": "32",
}


def write_tones(folder: Path, files: int = 3, seconds: float = 1.0) -> Path:
    """`files` decaying tones of different pitch as WAV files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(RATE * seconds)) / RATE
    for number in range(files):
        pitch = 220 * 2 ** (number / 3)
        tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in (1, 2, 3)) * np.exp(-2 * time)
        soundfile.write(folder / f"tone-{number}.wav", 0.3 * tone, RATE)
    return folder


def arguments(data: Path, out: Path, *more: str, **settings: str) -> list[str]:
    """`train codec DATA …`; `settings` like `steps="5"` add to or replace those above."""
    flags = {**MODEL, **RUN, **{f"--{k.replace('_', '-')}": v for k, v in settings.items()}}
    parts = [part for pair in flags.items() for part in pair]
    cache = ["--cache", str(data.parent / "cache")]
    return ["train", "codec", str(data), "--out", str(out), *cache, *parts, *more]


class Run:
    """The `synth` command in a process of its own, forked from one that has imported everything.

    Args:
        given: its arguments; log: file for what it prints; suicide: at which sync of a file it
            kills itself, its content written but not yet under its name; 0: never.
        file_bytes: largest file it may write, 0: any.
    """

    def __init__(
        self, given: list[str], log: Path, *, suicide: int = 0, file_bytes: int = 0
    ) -> None:
        self.log = log
        self.process = _FORKS.Process(target=_child, args=(given, str(log), suicide, file_bytes))
        self.process.start()

    def wait(self) -> int:
        """Its exit code, negative for a signal."""
        self.process.join(PATIENCE_S)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
            raise TimeoutError(f"still running after {PATIENCE_S} s: {self.said}")
        return self.process.exitcode

    def signal(self, number: int) -> None:
        """Send it a signal."""
        if self.process.pid is not None:
            os.kill(self.process.pid, number)

    @property
    def said(self) -> str:
        """What it has printed so far, both streams."""
        return self.log.read_text() if self.log.exists() else ""


def run(given: list[str], log: Path, **more: int) -> Run:
    """Run it to its end."""
    done = Run(given, log, **more)
    done.wait()
    return done


def _child(given: list[str], log: str, suicide: int, file_bytes: int) -> None:
    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    sync, calls = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == suicide:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    os.fsync = fsync  # type: ignore[assignment]
    if file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    from synth.cli import main

    main(given)


def rows(out: Path) -> dict[int, dict[str, str]]:
    """metrics.csv by step."""
    path = out / "metrics.csv"
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {int(r["step"]): r for r in csv.DictReader(file) if (r["step"] or "").isdecimal()}


def leftovers(out: Path) -> list[Path]:
    """Temporary files anywhere in the run's folder."""
    return [p for p in out.rglob("*") if ".tmp-" in p.name]
