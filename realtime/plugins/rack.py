"""Makes plugins of files of all kinds, and an engine of them."""

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
    """Build an engine with the instruments of `settings`.

    Raises:
        ModelFileError: a file can't be played; the message names it.
    """
    return Engine(load_rack(settings.instruments, trust=settings.trust), settings)


def load_rack(paths: Sequence[str], *, trust: bool) -> list[Plugin]:
    """Open every file as a plugin.

    Args:
        paths: instrument files, in the order of the rack.
        trust: whether TorchScript files, which are programs, may be opened.

    Raises:
        ModelFileError: a file can't be played; the message names it.
    """
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
