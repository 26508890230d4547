"""Downloads: complete, resumed, or refused in one clear line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from archive_rig import Server, serving

from synth.contract import ConfigError, DataError
from training.data.datasets.download import download, remote_size

CONTENT = np.random.default_rng(0).bytes(700_000)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        running.files["sounds.bin"] = CONTENT
        yield running


def get(server: Server, target: Path, attempts: int = 3) -> list[tuple[int, int]]:
    heard: list[tuple[int, int]] = []
    download(
        f"{server.url}/sounds.bin", target, attempts=attempts, wait_s=0.0,
        on_bytes=lambda done, total: heard.append((done, total)),
    )  # fmt: skip
    return heard


def test_whole_with_progress(server: Server, tmp_path: Path) -> None:
    heard = get(server, tmp_path / "here.bin")
    assert (tmp_path / "here.bin").read_bytes() == CONTENT
    assert heard[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert [p.name for p in tmp_path.iterdir()] == ["here.bin"]
    assert remote_size(f"{server.url}/sounds.bin") == len(CONTENT)


def test_a_broken_connection_is_taken_up_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.breaks = [300_000, 100_000]
    get(server, tmp_path / "here.bin")
    assert (tmp_path / "here.bin").read_bytes() == CONTENT
    asked = [wanted for _, wanted in server.requests]
    assert asked == ["", "bytes=300000-", "bytes=400000-"]


def test_what_was_given_up_is_resumed_by_the_next_call(server: Server, tmp_path: Path) -> None:
    server.breaks = [300_000, 0, 0]
    with pytest.raises(
        DataError, match=r"broke off after 300000 bytes .* the same command resumes it"
    ):
        get(server, tmp_path / "here.bin", attempts=2)
    assert not (tmp_path / "here.bin").exists()
    server.requests.clear()
    get(server, tmp_path / "here.bin")
    assert server.requests == [("GET", "bytes=300000-")]
    assert (tmp_path / "here.bin").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    server.breaks = [300_000, 0, 0]
    with pytest.raises(DataError):
        get(server, tmp_path / "here.bin", attempts=2)
    changed = CONTENT[::-1]
    server.files["sounds.bin"] = changed
    get(server, tmp_path / "here.bin")
    assert (tmp_path / "here.bin").read_bytes() == changed


def test_a_server_without_ranges_starts_from_the_beginning(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.breaks = [300_000]
    get(server, tmp_path / "here.bin")
    assert (tmp_path / "here.bin").read_bytes() == CONTENT


def test_a_part_that_is_already_whole_or_too_long(server: Server, tmp_path: Path) -> None:
    (tmp_path / "here.bin.part").write_bytes(CONTENT)
    get(server, tmp_path / "here.bin")
    assert (tmp_path / "here.bin").read_bytes() == CONTENT
    (tmp_path / "other.bin.part").write_bytes(CONTENT + b"more")
    get(server, tmp_path / "other.bin")
    assert (tmp_path / "other.bin").read_bytes() == CONTENT


def test_what_can_not_be_had(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the server answers 404"):
        download(f"{server.url}/absent.bin", tmp_path / "here.bin")
    with pytest.raises(ConfigError, match=r"is not an address; http://… or https://…"):
        download((tmp_path / "x").as_uri(), tmp_path / "here.bin")
    nobody = "http://127.0.0.1:9/sounds.bin"
    with pytest.raises(DataError, match=r"can't be reached .* or --mirror URL"):
        remote_size(nobody)
    with pytest.raises(DataError, match="broke off after 0 bytes"):
        download(nobody, tmp_path / "here.bin", attempts=2, wait_s=0.0)
    assert list(tmp_path.iterdir()) == []


def test_no_room(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.data.datasets import download as module

    monkeypatch.setattr(module, "RESERVE_BYTES", 1 << 60)
    with pytest.raises(DataError, match=r"700000 bytes needed, \d+ free; make room"):
        get(server, tmp_path / "here.bin")
