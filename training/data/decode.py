"""One audio file decoded into one cached array; also the program of a decoding process.

`python -m training.data.decode` reads one JSON request per line and answers each with one line, so
that a decoder that crashes or hangs on a bad file takes only its own process with it.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from synth.contract import DataError
from synth.contract.reading import read_audio_as


@dataclass(frozen=True)
class Request:
    """One file to decode.

    Args:
        source: the audio file.
        target: the array to write, .npy `[channels, frames]`.
        sample_rate: Hz, of the array.
        channels: of the array, at least 1.
    """

    source: str
    target: str
    sample_rate: int
    channels: int


def decode(request: Request) -> int:
    """Write the array that is asked for, atomically; returns its frames.

    Raises:
        DataError: the file is unreadable, empty, silent or holds values that are not finite; or
            the cache has no room.
    """
    audio = read_audio_as(
        request.source, request.sample_rate, request.channels, allow_silence=False
    )
    if not audio.shape[1]:
        raise DataError(f"{request.source}: too short, nothing is left at {request.sample_rate} Hz")
    target = Path(request.target)
    temporary = target.with_name(f".{target.name}.tmp-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            np.save(file, audio)
        os.replace(temporary, target)
    except OSError as error:
        raise DataError(f"{target}: the cache can't be written ({error})") from None
    finally:
        temporary.unlink(missing_ok=True)
    return int(audio.shape[1])


def serve() -> None:
    """Answer the requests on standard input, a line each, until it ends."""
    for line in sys.stdin:
        try:
            answer: dict[str, int | str] = {"frames": decode(Request(**json.loads(line)))}
        except (DataError, MemoryError) as error:
            answer = {"reason": str(error) or "not enough memory to decode it"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def request_line(request: Request) -> str:
    """A request as the line that `serve` reads."""
    return json.dumps(asdict(request)) + "\n"


if __name__ == "__main__":
    serve()
