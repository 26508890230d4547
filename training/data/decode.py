"""One audio file decoded into one cached array; also the program of a decoding process.

`python -m training.data.decode` reads one JSON request per line and answers each with one line, so
that a decoder that crashes or hangs on a bad file takes only its own process with it. When its
input ends, because its owner has closed it or is gone, it ends at once.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np

from synth.contract import DataError
from synth.contract.audio import Audio
from synth.contract.recordings import recording_blocks
from training.data.identity import content_digest, entry_name


@dataclass(frozen=True)
class Request:
    """One file to decode.

    Args:
        source: the audio file.
        cache: folder for the array.
        sample_rate: Hz, of the array.
        channels: of the array, at least 1.
        digest: of the file's content, "": not known yet.
        glance: seconds of the beginning that are enough; 0: the whole file is wanted.
    """

    source: str
    cache: str
    sample_rate: int
    channels: int
    digest: str = ""
    glance: float = 0.0

    @property
    def target(self) -> Path:
        """The array, .npy `[channels, frames]`; of a file of known content."""
        name = entry_name(self.digest, self.sample_rate, self.channels)
        return Path(self.cache) / f"{name}.npy"


@dataclass(frozen=True)
class Decoded:
    """A file that was decoded.

    Attributes:
        digest: of its content; frames: of its array.
    """

    digest: str
    frames: int


def decode(request: Request) -> Decoded:
    """Write the array that is asked for, atomically, unless it is there.

    The whole file never lies in memory: two hours need as little as two seconds.

    Raises:
        DataError: the file is one that `recording_blocks` refuses; or the cache has no room.
    """
    digest = request.digest or content_digest(request.source)
    known = Request(**{**asdict(request), "digest": digest})
    frames = cached_frames(known)
    if frames is None:
        try:
            frames = _write(known)
        except OSError as error:
            raise DataError(f"{known.target}: the cache can't be written ({error})") from None
    return Decoded(digest, frames)


def cached_frames(request: Request) -> int | None:
    """Frames of the array where it is in the cache, whole and of the right shape."""
    if not request.digest:
        return None
    try:
        array = np.load(request.target, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    ok = array.ndim == 2 and array.dtype == np.float32 and array.shape[0] == request.channels
    return int(array.shape[1]) if ok and array.shape[1] else None


def serve() -> None:
    """Answer the requests on standard input, a line each, until it ends."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    while True:
        try:
            made = decode(Request(**json.loads(lines.get())))
            answer: dict[str, int | str] = asdict(made)
        except (DataError, MemoryError) as error:
            answer = {"reason": str(error) or "not enough memory to decode it"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def request_line(request: Request) -> str:
    """A request as the line that `serve` reads."""
    return json.dumps(asdict(request)) + "\n"


def remove_temporary(cache: Path, process: int) -> None:
    """Delete the unfinished array of a decoding process that was ended, by its id."""
    for leftover in cache.glob(f".*.tmp-{process}"):
        leftover.unlink(missing_ok=True)


def _listen(lines: queue.SimpleQueue[str]) -> None:
    """Pass on the requests; the end of them is the end of the process, whatever it is doing."""
    cache = None
    for line in sys.stdin:
        cache = json.loads(line)["cache"]
        lines.put(line)
    if cache is not None:
        remove_temporary(Path(cache), os.getpid())
    os._exit(0)


def _write(request: Request) -> int:
    """Decode block by block into a file beside the target, then give it its name."""
    target = request.target
    temporary = target.with_name(f".{target.name}.tmp-{os.getpid()}")
    try:
        with temporary.open("wb") as file, _Rows(file, request.channels) as rows:
            for block in recording_blocks(
                request.source,
                request.sample_rate,
                request.channels,
                first_seconds=request.glance or None,
            ):
                rows.write(block)
            frames = rows.finish()
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return frames


class _Rows:
    """An array `[channels, frames]` written as its frames come, a file for each channel but the
    first, which are joined at the end.

    Args:
        file: that becomes the .npy file; channels: at least 1.
    """

    def __init__(self, file: IO[bytes], channels: int) -> None:
        folder = Path(file.name).parent
        self._file, self._channels, self._frames = file, channels, 0
        # These have no name, so that nothing is left of them however the process ends.
        self._open = ExitStack()
        self._others = [
            self._open.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 - entered
            for _ in range(channels - 1)
        ]
        self._header = self._write_header()

    def __enter__(self) -> _Rows:
        return self

    def __exit__(self, *ignored: object) -> None:
        self._open.close()

    def write(self, block: Audio) -> None:
        """Append `[channels, frames]`."""
        self._frames += block.shape[1]
        for file, row in zip((self._file, *self._others), block, strict=True):
            file.write(np.ascontiguousarray(row, np.float32).data)

    def finish(self) -> int:
        """Join the rows and write the shape; returns the frames."""
        for file in self._others:
            file.seek(0)
            shutil.copyfileobj(file, self._file, 1 << 20)
        self._file.seek(0)
        if self._write_header() != self._header:
            raise DataError(f"{self._frames} frames are more than an array's header has room for")
        return self._frames

    def _write_header(self) -> int:
        """Write the .npy header, whose length is the same for up to 10 ** 20 frames."""
        shape = (self._channels, self._frames)
        form = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, form)
        return self._file.tell()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is its owner's business
    serve()
