"""Imports go down, never up or sideways; and what plays never loads torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from synth.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
PLAYING = ["play", "render", "clients", "info", "doctor", "devices", "bench"]


def run(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_import_contracts_hold() -> None:
    done = run("import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_modules_that_play_load_no_torch() -> None:
    files = [file.relative_to(ROOT) for file in (ROOT / "realtime").rglob("*.py")]
    names = {".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files}
    assert {"realtime", "realtime.engine.engine", "realtime.supervisor.engine_process"} <= names
    names |= {"synth.contract", "synth.cli"}
    done = run(
        f"import importlib, sys\nfor name in {sorted(names)!r}:\n"
        "    importlib.import_module(name)\n"
        "    bad = {'torch', 'torchaudio', 'lightning', 'matplotlib'} & set(sys.modules)\n"
        "    assert not bad, f'{name} imports {bad}'"
    )
    assert done.returncode == 0, done.stderr


def test_no_room_holds_more_than_sixteen_modules() -> None:
    for wing in ("synth", "training", "export", "realtime"):
        for room in {file.parent for file in (ROOT / wing).rglob("*.py")}:
            modules = [f.name for f in room.glob("*.py") if f.name != "__init__.py"]
            assert len(modules) <= 16, f"{room.relative_to(ROOT)}: {len(modules)} modules"


@pytest.mark.parametrize("command", ["", *PLAYING])
def test_help_of_what_plays_loads_no_torch(command: str) -> None:
    done = run(
        "import sys; from synth.cli import main\n"
        f"try: main({[*command.split(), '--help']!r})\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "bad = {'torch', 'onnxruntime', 'sounddevice', 'rtmidi'} & set(sys.modules)\n"
        "assert not bad, f'imports {bad}'"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: synth {command}".rstrip())
    if not command:
        for name in COMMANDS:
            assert f"  {name} " in done.stdout


def test_commands_of_the_training_side_explain_themselves() -> None:
    for name in sorted(set(COMMANDS) - set(PLAYING)):
        done = run(f"from synth.cli import main; main([{name!r}, '--help'])")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"Usage: synth {name}")


def test_wrong_usage_is_one_clear_line_and_code_2() -> None:
    done = run("from synth.cli import main; main(['paly'])")
    assert done.returncode == 2
    assert "paly" in done.stderr
    assert "Traceback" not in done.stderr


def test_names_of_test_files_are_unique() -> None:
    """pytest imports them by their base names."""
    names = [f.name for f in (ROOT / "tests").rglob("*.py") if f.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))
