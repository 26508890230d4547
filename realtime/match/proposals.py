"""`Proposer`: the matching model, an ONNX file, which proposes patches for a sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from realtime.plugins.onnx.file import free_inputs, metadata, read_model
from synth.contract import MATCHER_KEY, MatcherManifest, ModelFileError, one_line
from synth.contract.matcher import MATCHER_INPUTS, MATCHER_OUTPUTS

Array = NDArray[np.float32]


class Proposals(NamedTuple):
    """The patches that a model proposes, and what it heard.

    Attributes:
        values: `[k, names]`, in the units of the parameters.
        key: MIDI key that was heard, fractional.
        voiced: how surely that is one, 0 … 1.
        seconds: for which the sound is audible.
    """

    values: Array
    key: float
    voiced: float
    seconds: float


class Proposer:
    """A matching model that is loaded.

    Args:
        path: of the file.

    Raises:
        ModelFileError: the file is refused, is none of a matching model, or doesn't run.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        data, self.manifest = read_model(path, "a matching model", _judge)
        try:
            self._session: Any = onnxruntime.InferenceSession(
                data, quiet_options(), providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:  # noqa: BLE001 - its exceptions share no base class
            raise ModelFileError(f"{path}: onnxruntime refuses it ({one_line(error)})") from None

    def propose(self, audio: Array, count: int, seed: int = 0) -> Proposals:
        """Propose patches.

        Args:
            audio: `[samples]` at the model's rate; the end of a longer sound is left out.
            count: patches to propose.
            seed: of the noise that makes them differ.

        Raises:
            ModelFileError: the model doesn't run, or proposes something else than numbers.
        """
        manifest = self.manifest
        heard = np.zeros((1, manifest.samples), np.float32)
        given = audio[: manifest.samples]
        heard[0, : len(given)] = given
        noise = np.random.default_rng(seed)
        shape = (count, len(manifest.names))
        feed = {"audio": heard, "noise": noise.standard_normal(shape, np.float32)}
        try:
            values, told = self._session.run(list(MATCHER_OUTPUTS), feed)
        except Exception as error:  # noqa: BLE001 - see above
            raise ModelFileError(f"{self._path}: doesn't run ({one_line(error)})") from None
        if values.shape != shape or told.shape != (1, 3) or not np.isfinite(values).all():
            raise ModelFileError(
                f"{self._path}: proposes {values.shape} numbers, or some that are not finite;"
                " export it again"
            )
        key, voiced, seconds = (float(number) for number in told[0])
        return Proposals(values, key, voiced, seconds)


def read_matcher(path: str | Path) -> MatcherManifest:
    """Read and check a matching model's file without loading the model. Raises as `Proposer`."""
    return read_model(path, "a matching model", _judge)[1]


def quiet_options() -> Any:
    """Settings of onnxruntime for work beside an engine: one thread, which never spins."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _judge(model: Any) -> MatcherManifest:
    texts = metadata(model)
    if MATCHER_KEY not in texts:
        raise ModelFileError(
            "no matching model; `synth export model.pt --as matcher` makes one of a trained model"
        )
    manifest = MatcherManifest.from_json(texts[MATCHER_KEY])
    inputs, outputs = free_inputs(model.graph), [o.name for o in model.graph.output]
    if sorted(inputs) != sorted(MATCHER_INPUTS) or sorted(outputs) != sorted(MATCHER_OUTPUTS):
        raise ModelFileError("graph and manifest of the matching model disagree; export it again")
    return manifest
