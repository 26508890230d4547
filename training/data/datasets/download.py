"""A file over HTTP: complete, or resumed later where it broke off."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from synth.contract import ConfigError, DataError
from synth.contract.errors import one_line
from synth.contract.files import RESERVE_BYTES

OnBytes = Callable[[int, int], None]  # (done, total); total 0: not known

TIMEOUT_S = 30.0
CHUNK = 1 << 18
ATTEMPTS = 5
WAIT_S = 2.0


class _BrokenError(Exception):
    """The transfer ended early; another attempt may resume it."""


def remote_size(url: str) -> int:
    """Size in bytes of the file at an address, 0 where the server doesn't tell.

    Raises:
        ConfigError: the address is not of http or https.
        DataError: the server can't be reached or has no such file.
    """
    try:
        with _open(url, {}, method="HEAD") as answer:
            return int(answer.headers.get("Content-Length") or 0)
    except _BrokenError as error:
        raise DataError(f"{url}: can't be reached ({error}); try again, or --mirror URL") from None


def download(
    url: str,
    target: Path,
    *,
    on_bytes: OnBytes | None = None,
    attempts: int = ATTEMPTS,
    wait_s: float = WAIT_S,
) -> None:
    """Fetch `url` to `target`, which appears when it is complete.

    Until then the bytes received so far are in `<target>.part`. A broken connection is resumed, and
    so is, at the next call, a download that was given up, if the server still has the same file.

    Args:
        url: address of the file, http or https.
        target: path to write.
        on_bytes: called with (done, total) after each chunk; total is 0 where it isn't known.
        attempts: number of attempts in a row without a single byte after which it is given up.
        wait_s: seconds before the next attempt, doubled after each one without a byte.

    Raises:
        ConfigError: the address is not of http or https.
        DataError: there is no such file or no room, or the connection breaks too often.
    """
    part = target.with_name(f"{target.name}.part")
    failures = 0
    while True:
        before = _size(part)
        try:
            _go_on(url, part, on_bytes)
            break
        except _BrokenError as error:
            failures = 0 if _size(part) > before else failures + 1
            if failures >= attempts:
                raise DataError(
                    f"{url}: broke off after {_size(part)} bytes ({error}); the same command"
                    " resumes it"
                ) from None
            time.sleep(wait_s * 2**failures)
        except OSError as error:
            raise DataError(f"{part}: can't be written ({error}); make room or use --out") from None
    os.replace(part, target)
    _validator_file(part).unlink(missing_ok=True)


def _go_on(url: str, part: Path, on_bytes: OnBytes | None) -> None:
    """Append the missing bytes. Raises `_BrokenError` where another attempt may help."""
    have = _size(part)
    headers = {"Range": f"bytes={have}-"} if have else {}
    validator = _validator_file(part)
    if have and validator.exists():
        headers["If-Range"] = validator.read_text("utf-8")
    with _open(url, headers) as answer:
        if answer.status == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            if have != _total(answer):
                part.unlink()  # longer than the file that is there now
                raise _BrokenError("the bytes on the disk are not part of it")
            return
        if answer.status != http.client.PARTIAL_CONTENT:
            have = 0
        elif _start(answer) != have:
            raise _BrokenError(f"the server sent another part, {answer.headers['Content-Range']}")
        total = _total(answer)
        _require_room(part, total - have)
        tag = answer.headers.get("ETag") or ""
        # A weak tag vouches for the same meaning, not for the same bytes.
        tag = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified") or ""
        validator.write_text(tag, "utf-8") if tag else validator.unlink(missing_ok=True)
        with part.open("r+b" if have else "wb") as file:
            file.seek(have)
            while chunk := _read(answer):
                file.write(chunk)
                have += len(chunk)
                if on_bytes:
                    on_bytes(have, total)
        if total and have != total:
            raise _BrokenError(f"{have} of {total} bytes came")


def _open(url: str, headers: dict[str, str], method: str = "GET") -> Any:
    """The answer, whose status is 200, 206 or 416."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise ConfigError(f"{url!r:.200} is not an address; http://… or https://… is needed")
    request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310 - see above
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT_S)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return error
        error.close()
        if error.code >= 500:
            raise _BrokenError(f"HTTP {error.code}") from None
        raise DataError(f"{url}: the server answers {error.code} {error.reason}") from None
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)  # a URLError wraps an error, or a text
        raise _BrokenError(reason if isinstance(reason, str) else one_line(reason)) from None


def _read(answer: Any) -> bytes:
    try:
        chunk: bytes = answer.read(CHUNK)
    except (http.client.HTTPException, OSError) as error:
        raise _BrokenError(one_line(error)) from None
    return chunk


def _start(answer: Any) -> int:
    """First byte of a part: "bytes 100-199/300" starts at 100; -1 where the server doesn't tell."""
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range") or "")
    return int(found[1]) if found else -1


def _total(answer: Any) -> int:
    """Size of the whole file, 0 where the server doesn't tell."""
    found = re.search(r"/(\d+)$", answer.headers.get("Content-Range") or "")
    if found:
        return int(found[1])
    return int(answer.headers.get("Content-Length") or 0) if answer.status == 200 else 0


def _require_room(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if free < needed + RESERVE_BYTES:
        raise DataError(
            f"{part.parent}: {needed} bytes needed, {free} free; make room, or --out DIR"
        )


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _validator_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")
