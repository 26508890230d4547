"""`CandidateRenderer`: the sound of many patches at once, by the very file that plays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from realtime.match.proposals import quiet_options
from realtime.plugins.onnx.file import read_instrument
from synth.contract import ModelFileError, one_line

Array = NDArray[np.float32]

MOST_HOPS = 64  # of one step: so often is asked whether to go on


class CandidateRenderer:
    """An instrument that plays each patch once.

    Args:
        path: of the ONNX instrument, a generator.

    Raises:
        ModelFileError: the file is refused, or is no generator.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        data, self.manifest = read_instrument(path)
        if self.manifest.kind != "generator":
            raise ModelFileError(f"{path}: an effect; only an instrument that plays notes matches")
        try:
            self._session: Any = onnxruntime.InferenceSession(
                data, quiet_options(), providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:  # noqa: BLE001 - its exceptions share no base class
            raise ModelFileError(f"{path}: onnxruntime refuses it ({one_line(error)})") from None
        self.sample_rate = self.manifest.sample_rate
        self._states = [s.name for s in self.manifest.state]
        self._outputs = ["audio_out", *(f"{s}_out" for s in self._states)]

    def render(
        self,
        values: Mapping[str, Array],
        keys: Array,
        held_s: Array,
        samples: int,
        step: Callable[[float], None] = lambda share: None,
    ) -> Array:
        """Play a note with each patch.

        Args:
            values: of controls by their names, `[k]`; others stand at their defaults.
            keys: MIDI keys, `[k]`, fractional; held_s: seconds that each is held, `[k]`.
            samples: to make of each.
            step: called again and again with the share that is done; what it raises ends the work.

        Returns:
            `[k, samples]`, mixed to one channel.

        Raises:
            ModelFileError: the instrument doesn't run.
        """
        manifest, rows = self.manifest, len(keys)
        hops = -(-samples // manifest.hop)
        feed: dict[str, Any] = {
            control.name: np.tile(control.default_array, (rows, 1)) for control in manifest.controls
        }
        for name, numbers in values.items():
            control = manifest.control(name)
            if control is not None and control.size == 1:
                feed[name] = control.clamp(np.asarray(numbers, np.float32)[:, None])[0]
        self._set(feed, "key", keys)
        self._set(feed, "velocity", np.ones(rows, np.float32))
        feed |= {s.name: np.zeros((rows, *s.shape), s.dtype) for s in manifest.state}
        released = np.maximum(1, np.round(held_s * self.sample_rate / manifest.hop)).astype(int)
        drawn = np.random.default_rng(0)
        pieces = []
        at = 0
        while at < hops:
            later = released[released > at]
            count = min(MOST_HOPS, hops - at, int(later.min()) - at if len(later) else hops)
            self._set(feed, "gate", (released > at).astype(np.float32))
            pieces.append(self._run(feed, rows, count, drawn))
            at += count
            step(at / hops)
        return np.concatenate(pieces, 1)[:, :samples]

    def _set(self, feed: dict[str, Any], role: str, numbers: Array) -> None:
        control = self.manifest.with_role(role)
        if control is not None:
            feed[control.name] = control.clamp(np.asarray(numbers, np.float32)[:, None])[0]

    def _run(self, feed: dict[str, Any], rows: int, hops: int, drawn: np.random.Generator) -> Array:
        for spec in self.manifest.random:
            shape = (rows, hops, *spec.shape[1:])
            feed[spec.name] = drawn.standard_normal(shape, np.float32)
        try:
            audio, *states = self._session.run(
                self._outputs, {**feed, "frames": np.array([hops], np.int64)}
            )
        except Exception as error:  # noqa: BLE001 - see above
            raise ModelFileError(f"{self._path}: doesn't run ({one_line(error)})") from None
        feed |= dict(zip(self._states, states, strict=True))
        mono: Array = audio.mean(1)
        return mono
