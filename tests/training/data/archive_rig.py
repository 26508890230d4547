"""Archives of the published layouts, and a server on loopback that can break off."""

from __future__ import annotations

import contextlib
import io
import json
import re
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000


def wav(seed: int, seconds: float = 0.1) -> bytes:
    """Noise that belongs to the seed."""
    buffer = io.BytesIO()
    audio = np.random.default_rng(seed).normal(0, 0.1, round(RATE * seconds))
    soundfile.write(buffer, audio, RATE, format="WAV")
    return buffer.getvalue()


def pack(members: dict[str, bytes], extra: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    """A `.tar.gz` of these files, in their order, and of members without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for info in extra:
            tar.addfile(info)
    return buffer.getvalue()


def speech_members(words: tuple[str, ...], each: int) -> dict[str, bytes]:
    """As in Speech Commands: a folder for each word, and some noise that nobody says."""
    members = {"./README.md": b"words", "./_background_noise_/running_tap.wav": wav(0)}
    for number, word in enumerate(words):
        for speaker in range(each):
            name = f"./{word}/{speaker:08x}_nohash_0.wav"
            members[name] = wav(1000 * number + speaker)
    return members


@dataclass(frozen=True)
class NSynthNote:
    """A note of NSynth: what its index says of it."""

    family: str
    source: str
    instrument: int
    pitch: int
    velocity: int

    @property
    def name(self) -> str:
        return (
            f"{self.family}_{self.source}_{self.instrument:03d}"
            f"-{self.pitch:03d}-{self.velocity:03d}"
        )


def nsynth_members(notes: list[NSynthNote]) -> dict[str, bytes]:
    """As in NSynth: audio, and after it the index."""
    members = {f"nsynth-train/audio/{n.name}.wav": wav(i) for i, n in enumerate(notes)}
    index = {
        n.name: {
            "note_str": n.name, "instrument_family_str": n.family, "pitch": n.pitch,
            "instrument_source_str": n.source, "velocity": n.velocity, "sample_rate": RATE,
            "qualities": [0, 1],
        }
        for n in notes
    }  # fmt: skip
    return {**members, "nsynth-train/examples.json": json.dumps(index).encode()}


@dataclass
class Server:
    """Serves files by name, with ranges.

    Attributes:
        files: name to content; tags: name to ETag, by default one that belongs to the content.
        breaks: after how many bytes each of the next answers breaks off.
        requests: (method, range asked for) of each request so far.
        ranges: whether parts are served at all.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    breaks: list[int] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    ranges: bool = True


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server on loopback for as long as the `with` block lasts."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _answer(self, body: bool) -> None:
            name = self.path.rpartition("/")[2]
            wanted = self.headers.get("Range", "")
            server.requests.append((self.command, wanted))
            content = server.files.get(name)
            if content is None:
                self.send_error(404)
                return
            tag = server.tags.get(name, f'"{hash(content)}"')
            start = self._start(wanted, tag)
            if start > len(content) or (start and start == len(content)):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                told = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self.send_header("Content-Range", told)
            self.send_header("Content-Length", str(len(content) - start))
            self.send_header("ETag", tag)
            self.end_headers()
            if body:
                sent = content[start:]
                self.wfile.write(sent[: server.breaks.pop(0)] if server.breaks else sent)

        def _start(self, wanted: str, tag: str) -> int:
            found = re.fullmatch(r"bytes=(\d+)-", wanted)
            if found is None or not server.ranges:
                return 0
            return int(found[1]) if self.headers.get("If-Range", tag) == tag else 0

    host = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{host.server_port}/mirror"
    thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        host.shutdown()
        thread.join()
        host.server_close()


def write(path: Path, content: bytes) -> Path:
    """`content` in a file; returns its path."""
    path.write_bytes(content)
    return path
