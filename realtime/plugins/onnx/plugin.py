"""An exported ONNX instrument as a plugin: explicit state, a batch row per voice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from realtime.engine.plugin import Array, Rows
from realtime.plugins.onnx.file import read_instrument
from realtime.plugins.osc_name import osc_name
from synth.contract import ModelFileError, one_line


class OnnxPlugin:
    """A `realtime.engine.plugin.Plugin` that runs an ONNX instrument.

    The state is kept packed for the rows of the last step: as long as the same voices sound, the
    outputs of one step are the inputs of the next, and nothing is copied.

    Args:
        path: instrument file.
        name: OSC name, by default made from the manifest.

    Raises:
        ModelFileError: the file is refused or doesn't run.
    """

    def __init__(self, path: str | Path, name: str | None = None) -> None:
        data, self.manifest = read_instrument(path)
        self.name = name or osc_name(self.manifest)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        # A thread that spins between steps would take the core from the audio server.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Not session.set_denormal_as_zero: the first session of a process would set that mode for
        # good in the thread that makes it, and no other would set it anywhere. The engine flushes.
        try:
            self._session: Any = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"],
                enable_fallback=0,  # which would print, and try the same again
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001 - its exceptions share no base class
            raise ModelFileError(f"{path}: onnxruntime refuses it ({one_line(error)})") from None
        seed = self.manifest.with_role("seed")
        self._seed = seed.name if seed else ""
        self._states = [s.name for s in self.manifest.state]
        self._outputs = ["audio_out", *(f"{s}_out" for s in self._states)]
        self._rest: dict[str, NDArray[Any]] = {}
        self._packed: dict[str, NDArray[Any]] = {}
        self._rows: Rows = np.zeros(0, np.int64)
        self._noise: list[np.random.Generator] = []
        self._seeds = np.zeros(0)
        self._path = path

    def prepare(self, slots: int) -> None:
        self._rest = {s.name: np.zeros((slots, *s.shape), s.dtype) for s in self.manifest.state}
        self._packed, self._rows = {}, np.zeros(0, np.int64)
        self._noise = [np.random.default_rng(0) for _ in range(slots)]
        self._seeds = np.full(slots, np.nan)
        manifest = self.manifest
        for count in range(1, slots + 1):
            controls = {c.name: np.tile(c.default_array, (count, 1)) for c in manifest.controls}
            audio = np.zeros((count, manifest.channels_in, manifest.hop), np.float32)
            effect = manifest.kind == "effect"
            try:
                out = self.process(np.arange(count), controls, audio if effect else None)
            except Exception as error:  # noqa: BLE001 - see above
                raise ModelFileError(f"{self._path}: doesn't run ({one_line(error)})") from None
            if out.shape != (count, manifest.channels_out, manifest.hop):
                raise ModelFileError(
                    f"{self._path}: a step makes {out.shape}, not one hop of {manifest.hop}"
                )
        self.reset(np.arange(slots))

    def process(self, rows: Rows, controls: Mapping[str, Array], audio: Array | None) -> Array:
        if not np.array_equal(rows, self._rows):
            self._repack(rows)
        feed: dict[str, Any] = {**controls, **self._packed}
        if audio is None:
            feed["frames"] = _ONE_FRAME
        else:
            feed["audio"] = audio
        if self.manifest.random:
            feed |= self._random(rows, controls.get(self._seed))
        out, *states = self._session.run(self._outputs, feed)
        self._packed = dict(zip(self._states, states, strict=True))
        return out  # type: ignore[no-any-return]

    def reset(self, rows: Rows) -> None:
        self._repack(np.zeros(0, np.int64))
        for state in self._rest.values():
            state[rows] = 0
        self._seeds[rows] = np.nan

    def close(self) -> None:
        self._session = None
        self._rest, self._packed = {}, {}

    def _random(self, rows: Rows, seeds: Array | None) -> dict[str, Array]:
        """Noise for one step. The noise of a row begins anew when the row is reset or its seed
        changes."""
        for i, row in enumerate(rows):
            seed = 0.0 if seeds is None else float(seeds[i, 0])
            if seed != self._seeds[row]:
                self._seeds[row] = seed
                self._noise[row] = np.random.default_rng(abs(round(seed)))
        made = {}
        for spec in self.manifest.random:
            shape = tuple(abs(d) for d in spec.shape)
            drawn = [self._noise[row].standard_normal(shape, np.float32) for row in rows]
            made[spec.name] = np.stack(drawn)
        return made

    def _repack(self, rows: Rows) -> None:
        for name, packed in self._packed.items():
            self._rest[name][self._rows] = packed
        self._packed = (
            {name: state[rows] for name, state in self._rest.items()} if len(rows) else {}
        )
        self._rows = rows.copy()


_ONE_FRAME = np.ones(1, np.int64)
