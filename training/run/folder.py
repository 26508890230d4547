"""The folder of a run: made, checked, and searched for the checkpoint to go on from."""

from __future__ import annotations

import os
from pathlib import Path

import yaml
from rich.console import Console

from synth.contract import ConfigError, DataError, ModelFileError, remove_leftovers, write_bytes
from training.run.checkpoint import Checkpoint, load_newest, require_same_run
from training.run.plan import AnyPlan, plan_as_dict

FOLDERS = ("checkpoints", "audio", "plots")


def open_folder(plan: AnyPlan, out: Path, resume: bool, console: Console) -> Checkpoint | None:
    """Make or check the run's folder; returns the checkpoint to go on from, None at step 0.

    Args:
        plan: of the run; out: its folder.
        resume: whether to go on with the run in it.
        console: where lines for the user go.

    Raises:
        ConfigError: the folder holds a run and `resume` is not set; or it holds another run, or one
            that is finished.
        ModelFileError: it holds checkpoints, and none of them can be read.
        DataError: it can't be made.
    """
    if not resume:
        require_no_run(out)
    first = _is_first_process()
    if first:
        _make_folders(out)
    found, complaints = load_newest(out / "checkpoints") if resume else (None, [])
    if complaints and not found:
        raise ModelFileError(
            f"{complaints[0]}; no other can be read: start again without --resume in another --out"
        )
    for complaint in complaints:
        text = f"{complaint}; the one before it is used"
        console.print(text, highlight=False, markup=False, soft_wrap=True)
    if found:
        summary = plan_as_dict(plan)
        require_same_run(
            found, plan.family, summary["model"], summary["training"], plan.training.RESUMABLE
        )
        if found.data != plan.library.fingerprint():
            raise ConfigError(f"data: {plan.data} is not what the run in {out} learned from")
        if found.step >= plan.training.steps:
            raise ConfigError(
                f"steps is {plan.training.steps}; the run in {out} has done"
                f" {found.step} already; ask for more"
            )
    elif resume:
        console.print(
            f"{out}: no checkpoint yet, starting at step 0", highlight=False, soft_wrap=True
        )
    if first:
        text = yaml.safe_dump(plan_as_dict(plan), sort_keys=False, allow_unicode=True)
        write_bytes(out / "config.yaml", text.encode())
    return found


def require_no_run(out: Path) -> None:
    """Raise `ConfigError` where the folder `out` holds a run."""
    if any((out / "checkpoints").glob("step-*.pt")):
        raise ConfigError(f"{out} holds a run; --resume goes on with it, or choose another --out")


def _is_first_process() -> bool:
    """Whether this process of the run writes files; torchrun sets RANK, Lightning the others."""
    ranks = (os.environ.get(name, "0") for name in ("RANK", "NODE_RANK", "LOCAL_RANK"))
    return all(rank == "0" for rank in ranks)


def _make_folders(out: Path) -> None:
    folders = [out, *(out / name for name in FOLDERS)]
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out}: can't be made ({error}); choose another --out") from None
    for folder in folders:
        remove_leftovers(folder)
