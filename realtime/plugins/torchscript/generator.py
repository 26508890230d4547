"""TorchScript generators that synth exported, as plugins: a `step` with its state in and out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from realtime.engine.plugin import Array, Rows
from realtime.plugins.osc_name import osc_name
from realtime.plugins.torchscript.file import last_words
from synth.contract import Manifest, ModelFileError


class TorchScriptGenerator:
    """A `realtime.engine.plugin.Plugin`; a batch row is a voice, as in an ONNX instrument.

    Loading the file runs it, for it is a program: the caller has made sure that it is trusted.

    Args:
        path: `.ts` file.
        manifest: the file's own, of a generator.
        name: OSC name, by default made from the manifest.

    Raises:
        ModelFileError: it doesn't load, or has no `step`.
    """

    def __init__(self, path: str | Path, manifest: Manifest, name: str | None = None) -> None:
        import torch

        torch.set_num_threads(1)
        self._torch, self._path, self.manifest = torch, path, manifest
        self.name = name or osc_name(manifest)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "`?torch.jit", DeprecationWarning)
                module: Any = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
            self._step: Any = module.eval().step
        except Exception as error:  # noqa: BLE001 - whatever a program raises
            raise ModelFileError(f"{path}: doesn't load ({last_words(error)})") from None
        self._state: list[Any] = []

    def prepare(self, slots: int) -> None:
        self._state = [np.zeros((slots, *s.shape), s.dtype) for s in self.manifest.state]
        controls = {c.name: c.default_array[None] for c in self.manifest.controls}
        for count in (1, slots):  # the first runs compile
            tiled = {name: np.repeat(value, count, 0) for name, value in controls.items()}
            for _ in range(3):
                self.process(np.arange(count), tiled, None)
        self.reset(np.arange(slots))

    def process(self, rows: Rows, controls: Mapping[str, Array], audio: Array | None) -> Array:
        torch = self._torch
        joined = np.concatenate([controls[c.name] for c in self.manifest.controls], 1)
        state = [torch.from_numpy(part[rows]) for part in self._state]
        try:
            with torch.inference_mode():
                made, *new = self._step(torch.ones(1, dtype=torch.int64),
                                        torch.from_numpy(joined), *state)  # fmt: skip
        except Exception as error:  # noqa: BLE001 - whatever a program raises
            raise ModelFileError(f"{self._path}: doesn't run ({last_words(error)})") from None
        for part, after in zip(self._state, new, strict=True):
            part[rows] = after.numpy()
        return made.numpy().copy()  # type: ignore[no-any-return]

    def reset(self, rows: Rows) -> None:
        for part in self._state:
            part[rows] = 0

    def close(self) -> None:
        self._step, self._state = None, []
