"""The arguments file: edits hold from the next look on, broken ones are said once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from synth.contract import ConfigError
from training.samplernn.arguments import Arguments, ArgumentsFile, stored_arguments

START = Arguments(length=2.0, num_generated=1, generate_every=100, checkpoint_every=50)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def file(tmp_path: Path, said: list[str]) -> ArgumentsFile:
    return ArgumentsFile(tmp_path, START, said.append)


def test_it_is_written_with_what_holds(tmp_path: Path, file: ArgumentsFile) -> None:
    assert yaml.safe_load((tmp_path / "args.yaml").read_text()) == {
        "length": 2.0, "num_generated": 1, "generate_every": 100, "checkpoint_every": 50,
    }  # fmt: skip
    assert file.read() == START


def test_an_edit_holds_and_is_said(tmp_path: Path, file: ArgumentsFile, said: list[str]) -> None:
    (tmp_path / "args.yaml").write_text("length: 3\nnum_generated: 4\n")
    assert file.read() == Arguments(3.0, 4, 100, 50)
    assert len(said) == 2
    assert "num_generated is 4" in said[1]
    file.read()
    assert len(said) == 2


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("length: [", "not YAML"),
        ("length: long", "length"),
        ("num_generated: 0", "num_generated is 0; 1 … 1024"),
        ("generate_evry: 5", "generate_evry"),
        ("- 5", "name: value"),
        ("length: .nan", "length"),
        ("checkpoint_every: 2.5", "checkpoint_every"),
    ],
)
def test_a_broken_edit_is_said_once_and_changes_nothing(
    tmp_path: Path, file: ArgumentsFile, said: list[str], text: str, named: str
) -> None:
    (tmp_path / "args.yaml").write_text("generate_every: 7\n")
    file.read()
    said.clear()
    (tmp_path / "args.yaml").write_text(text)
    for _ in range(3):
        assert file.read() == Arguments(2.0, 1, 7, 50)
    assert len(said) == 1
    assert named in said[0]
    assert "last good values stay" in said[0]
    assert str(tmp_path / "args.yaml") in said[0]
    (tmp_path / "args.yaml").write_text("generate_every: 9")
    assert file.read().generate_every == 9


def test_a_missing_file_is_said_once(tmp_path: Path, file: ArgumentsFile, said: list[str]) -> None:
    (tmp_path / "args.yaml").unlink()
    assert file.read() == file.read() == START
    assert len(said) == 1


def test_what_an_earlier_run_left(tmp_path: Path) -> None:
    assert stored_arguments(tmp_path, START) == START
    (tmp_path / "args.yaml").write_text("length: 9")
    assert stored_arguments(tmp_path, START).length == 9
    (tmp_path / "args.yaml").write_text("length: -9")
    assert stored_arguments(tmp_path, START) == START


def test_ranges() -> None:
    with pytest.raises(ConfigError, match="length is 0"):
        Arguments(0.0, 1, 1, 1)
