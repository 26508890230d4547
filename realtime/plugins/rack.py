"""Files of all kinds become plugins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from realtime.engine.engine import Engine
from realtime.engine.plugin import Plugin
from realtime.engine.settings import EngineSettings
from realtime.plugins.manifest import refuse_trained
from realtime.plugins.onnx.plugin import OnnxPlugin
from realtime.plugins.torchscript.file import check_archive
from realtime.plugins.torchscript.generator import TorchScriptGenerator


def build_engine(settings: EngineSettings) -> Engine:
    """Load the rack of `settings`. Raises `ModelFileError` for a file that can't be played."""
    return Engine(load_rack(settings.instruments, trust=settings.trust), settings)


def load_rack(paths: Sequence[str], *, trust: bool) -> list[Plugin]:
    """Open every file. Raises `ModelFileError` naming the one that can't be played."""
    return [_load(Path(path), trust) for path in paths]


def _load(path: Path, trust: bool) -> Plugin:
    if path.suffix == ".ts":
        manifest = check_archive(path)
        if trust and manifest is not None and manifest.kind == "generator":
            return TorchScriptGenerator(path, manifest)
        from realtime.plugins.torchscript.nn_tilde import (
            TorchScriptPlugin,  # torch, only where it is hosted
        )

        return TorchScriptPlugin(path, trust=trust)
    refuse_trained(path)
    return OnnxPlugin(path)
