"""A published set of sounds fetched by its name into a folder."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synth.contract import DataError
from training.data.datasets.archive import extract, file_digest, member_names, open_member
from training.data.datasets.catalogue import Archive
from training.data.datasets.download import download, remote_size
from training.data.datasets.place import FACTS, default_root, is_fetched, set_folder
from training.data.datasets.selection import Selection, parse_selection

MIRROR_VARIABLE = "SYNTH_MIRROR"
Ask = Callable[[str], bool]
Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Talk:
    """The conversation with the user during a fetch.

    Attributes:
        ask: given what is about to happen, asks whether to go on.
        say: prints a line.
        progress: shows (name of the step, bytes done, bytes in all, 0 if not known).
    """

    ask: Ask
    say: Say
    progress: Progress


def fetch(name: str, talk: Talk, root: Path | None = None, mirror: str | None = None) -> Path:
    """Download a set and set it in place; returns its folder.

    The archive stays in `<root>/archives`, for other selections from it.

    Args:
        name: of the set, see `training.data.datasets.selection`.
        talk: the conversation with the user.
        root: folder of the sets; None: the user's.
        mirror: address of a folder that has the archive; None: the one that the variable
            SYNTH_MIRROR names, else its publisher's.

    Raises:
        ConfigError: the name is unknown, or the mirror is no address.
        DataError: the user declines; the server can't be reached or breaks off; no room; or the
            archive has another checksum, is damaged or lacks wanted sounds.
    """
    selection = parse_selection(name)
    root = root or default_root()
    folder = set_folder(name, root)
    if is_fetched(folder):
        talk.say(f"{name} is there already: {folder}")
        return folder
    archive = selection.archive
    path = root / "archives" / archive.file
    _make_folder(path.parent)
    if not path.exists():
        _get(archive, path, mirror or os.environ.get(MIRROR_VARIABLE) or archive.base, talk)
    digest = _require_digest(path, archive, talk)
    count = _set_in_place(name, selection, path, folder, digest, talk)
    if count < selection.count:
        talk.say(f"{count} sounds match; {selection.count} were asked for")
    talk.say(f"{count} sounds in {folder}; {path} may be deleted, or kept for other selections")
    return folder


def _get(archive: Archive, path: Path, base: str, talk: Talk) -> None:
    url = f"{base.rstrip('/')}/{archive.file}"
    size = remote_size(url) or archive.size
    told = f"{size / 1e6:,.0f} MB" if size else "of unknown size"
    if not talk.ask(f"{archive.about}, {archive.licence}: {url}, {told}, to {path.parent}"):
        raise DataError(f"{archive.file} is not here, and its download was declined")
    download(url, path, on_bytes=lambda done, total: talk.progress("download", done, total or size))


def _require_digest(path: Path, archive: Archive, talk: Talk) -> str:
    """The archive's SHA-256, checked against the published one, or that of an earlier call.

    Raises:
        DataError: they differ. The file is put aside, so that the next call fetches it again.
    """
    noted = path.with_name(f"{path.name}.sha256")
    meant = archive.sha256 or (noted.read_text("utf-8").strip() if noted.exists() else "")
    found = file_digest(path, lambda done, total: talk.progress("checksum", done, total))
    if meant and found != meant:
        aside = path.with_name(f"{path.name}.wrong")
        os.replace(path, aside)
        raise DataError(
            f"{archive.file}: SHA-256 is {found}, {meant} is needed; it is put aside as {aside},"
            " fetch it again, or from another --mirror"
        )
    return found


def _set_in_place(
    name: str, selection: Selection, path: Path, folder: Path, digest: str, talk: Talk
) -> int:
    """Extract, describe, and only then give the folder its name. Returns the number of sounds."""

    def reading(done: int, total: int) -> None:
        talk.progress("list", done, total)

    def extracting(done: int, total: int) -> None:
        talk.progress("extract", done, total)

    if selection.index:
        with open_member(path, selection.index, reading) as index:
            wanted = selection.choose((), index)
    else:
        wanted = selection.choose(member_names(path, reading))
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    _make_folder(partial)
    try:
        extract(path, wanted, partial, extracting)
        # Read to its end without a fault: from now on the archive must have this digest.
        path.with_name(f"{path.name}.sha256").write_text(f"{digest}\n", "utf-8")
        (partial / FACTS).write_text(_facts(name, selection, digest, len(wanted)), "utf-8")
        os.replace(partial, folder)
    except OSError as error:
        raise DataError(f"{folder}: can't be written ({error}); make room, or --out DIR") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return len(wanted)


def _facts(name: str, selection: Selection, digest: str, count: int) -> str:
    archive = selection.archive
    facts: dict[str, Any] = {
        "name": name, "sounds": count, "asked_for": selection.count, "seed": selection.seed,
        "archive": archive.file, "sha256": digest,
        "about": archive.about, "licence": archive.licence,
    }  # fmt: skip
    return json.dumps(facts, indent=2) + "\n"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: can't be made ({error}); choose another --out") from None
