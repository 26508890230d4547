"""The folder of a run: made, checked, and searched for the checkpoint to go on from."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

from rich.console import Console

from synth.contract import ConfigError, DataError, ModelFileError, remove_leftovers, write_bytes
from training.run.checkpoint import Checkpoint, load_checkpoint, load_newest, require_same_run
from training.run.plan import AnyPlan, as_yaml, plan_as_dict

FOLDERS = ("checkpoints", "audio", "plots")


@dataclass(frozen=True)
class Resumed:
    """The run to go on with.

    Attributes:
        folder: of that run.
        checkpoint: the file to go on from; None: the newest one in the folder that can be read.
    """

    folder: Path
    checkpoint: Path | None = None


def find_resumed(run: str, out: Path | None) -> Resumed:
    """The run that is meant.

    Args:
        run: its folder, or one of its checkpoints; "": the folder `out`.
        out: folder to write to, or None.

    Raises:
        ConfigError: there is no such run.
    """
    if not run:
        if out is None:
            raise ConfigError("--out is missing: the folder of the run; or name it after --resume")
        return Resumed(out)
    path = Path(run)
    if path.is_dir():
        return Resumed(path)
    if not path.is_file():
        raise ConfigError(f"{path}: no run to resume here; name its folder or one of its step-*.pt")
    if not fnmatch(path.name, "step-*.pt"):
        raise ConfigError(
            f"{path}: no checkpoint; a run is resumed from its folder or from one of its"
            " checkpoints/step-*.pt"
        )
    return Resumed(path.resolve().parent.parent, path)


def open_folder(
    plan: AnyPlan, out: Path, resumed: Resumed | None, console: Console
) -> Checkpoint | None:
    """Make or check the run's folder; returns the checkpoint to go on from, None at step 0.

    Args:
        plan: of the run; out: its folder.
        resumed: the run to go on with, which is copied where its folder isn't `out`; None: a new
            one.
        console: where lines for the user go.

    Raises:
        ConfigError: the folder holds a run that isn't the one to go on with, or one that is
            finished or further than the checkpoint.
        DataError: it can't be made.
        ModelFileError: the checkpoint can't be read.
    """
    here = resumed is not None and resumed.folder.resolve() == out.resolve()
    if not here:
        require_no_run(out)
    found = None
    if resumed is not None:
        _require_newest(resumed, out)
        found = _load(resumed, console)
        if found:
            _require_fitting(plan, resumed, found)
        elif here:
            console.print(f"{out}: no checkpoint yet, starting at step 0", highlight=False)
        else:
            raise ConfigError(f"{resumed.folder}: no checkpoint to go on from in {out}")
    if _is_first_process():
        _make_folders(out)
        write_bytes(out / "config.yaml", as_yaml(plan_as_dict(plan)).encode())
    # The best model of a copied run stays with the original.
    return found if here or not found else replace(found, best=math.inf, unimproved=0)


def _load(resumed: Resumed, console: Console) -> Checkpoint | None:
    """The checkpoint to go on from, None where there is none yet."""
    folder = resumed.folder / "checkpoints"
    if resumed.checkpoint is None:
        found, complaints = load_newest(folder)
        if complaints and not found:
            raise ModelFileError(
                f"{complaints[0]}; no other can be read: start again without --resume in another"
                " --out"
            )
        for complaint in complaints:
            text = f"{complaint}; the one before it is used"
            console.print(text, highlight=False, markup=False, soft_wrap=True)
        return found
    return load_checkpoint(resumed.checkpoint)


def _require_newest(resumed: Resumed, out: Path) -> None:
    """Raise `ConfigError` where a checkpoint is named that the run in `out` has left behind."""
    if resumed.checkpoint is None or resumed.folder.resolve() != out.resolve():
        return
    newest = max((file.name for file in (out / "checkpoints").glob("step-*.pt")), default="")
    if resumed.checkpoint.name < newest:
        raise ConfigError(
            f"{resumed.checkpoint.name} is older than {newest} of the same run; go on from it with"
            f" another --out, or from the newest with --resume {out}"
        )


def _require_fitting(plan: AnyPlan, resumed: Resumed, found: Checkpoint) -> None:
    """Raise `ConfigError` where the plan isn't that of the checkpoint's run, or is done."""
    summary, out = plan_as_dict(plan), resumed.folder
    require_same_run(
        found, plan.family, summary["model"], summary["training"], plan.training.RESUMABLE
    )
    if not plan.library.is_known_as(found.data):
        raise ConfigError(
            f"data: {plan.data} is not what the run in {out} learned from; name its recordings as"
            " DATA, or choose another --out"
        )
    if found.step >= plan.training.steps:
        raise ConfigError(
            f"steps is {plan.training.steps}; the run in {out} has done"
            f" {found.step} already; ask for more"
        )


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
