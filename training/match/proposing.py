"""Proposers: trained models that hear a sound and name patches of a voice."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from synth.contract import ModelFileError, one_line
from synth.contract.matcher import MATCHER_INPUTS, MATCHER_KEY, MatcherManifest
from synth.models.inverse import Inverse
from synth.models.inverse.voices import Voice
from synth.models.package import read_tensors, unpack

BUNDLED = Path(__file__).parents[2] / "synth" / "matchers"


class Proposer(Protocol):
    """Names patches for a sound.

    Attributes:
        name: of the model, for people.
    """

    name: str

    def propose(self, audio: Tensor, noise: Tensor) -> Tensor:
        """Knob positions `[k, parameters]`: the head's first, the others drawn.

        Args:
            audio: `[1, samples]`, of the voice's rate and length.
            noise: standard normal, `[k, parameters]`.

        Raises:
            ModelFileError: the model doesn't run, or what it proposes are no patches.
        """
        ...


class OnnxProposer:
    """A matching model as an ONNX file.

    Args:
        path: of the file.
        voice: whose patches are wanted.

    Raises:
        ModelFileError: it is no matching model, or one of another voice.
    """

    def __init__(self, path: Path, voice: Voice) -> None:
        import onnxruntime

        self.name, self._path, self._voice = path.name, path, voice
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        # Folded constants and an arena would keep 60 MB for a tenth of a second.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001 - onnxruntime raises kinds of its own
            raise ModelFileError(f"{path}: can't be read as ONNX ({one_line(error)})") from None
        text = self._session.get_modelmeta().custom_metadata_map.get(MATCHER_KEY)
        if text is None:
            raise ModelFileError(
                f"{path}: no matching model; `synth export` makes one of a run of `synth train"
                " inverse`"
            )
        try:
            self._manifest = MatcherManifest.from_json(text)
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {error}") from None
        manifest = self._manifest
        require_voice(path, manifest.voice, manifest.sample_rate, manifest.names, voice)

    def propose(self, audio: Tensor, noise: Tensor) -> Tensor:
        names = self._manifest.names
        columns = [names.index(name) for name in self._voice.names]
        # The flow's loop can't run over no rows at all, so one is drawn in any case.
        given = np.zeros((max(2, len(noise)), len(names)), np.float32)
        given[: len(noise), columns] = noise.numpy()
        samples = self._manifest.samples
        whole = torch.nn.functional.pad(audio, (0, max(0, samples - audio.shape[-1])))[:, :samples]
        feed = dict(zip(MATCHER_INPUTS, (whole.numpy(), given), strict=True))
        try:
            (found,) = self._session.run(["values"], feed)
        except Exception as error:  # noqa: BLE001 - onnxruntime raises kinds of its own
            raise ModelFileError(f"{self._path}: doesn't run ({one_line(error)})") from None
        if found.shape != given.shape or not np.isfinite(found).all():
            raise ModelFileError(
                f"{self._path}: proposes {found.shape} numbers, or some that are not finite; export"
                " it again"
            )
        values = torch.from_numpy(found[: len(noise)])
        by_name = {name: values[:, i : i + 1] for i, name in enumerate(names)}
        return self._voice.units(by_name).clamp(0, 1)


class ModelProposer:
    """A matching model as training leaves it.

    Args:
        path: `model.pt`.
        voice: whose patches are wanted.

    Raises:
        ModelFileError: it is no matching model, or one of another voice.
    """

    def __init__(self, path: Path, voice: Voice) -> None:
        self.name, self._path, self._voice = path.name, path, voice
        try:
            with path.open("rb") as file:
                package = unpack(read_tensors(file))
        except OSError as error:
            raise ModelFileError(f"{path}: can't be read ({error.strerror})") from None
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {error}") from None
        if package.family != "inverse":
            raise ModelFileError(
                f"{path}: is a model of {package.family}; name one that `synth train inverse` made"
            )
        self._model = cast(Inverse, package.model).eval()
        own = self._model.voice
        require_voice(path, own.name, own.sample_rate, own.names, voice)

    @torch.no_grad()
    def propose(self, audio: Tensor, noise: Tensor) -> Tensor:
        own = self._model.voice
        columns = [own.names.index(name) for name in self._voice.names]
        given = torch.empty_like(noise)
        given[:, columns] = noise
        units = self._model.propose(audio, given)
        if not bool(units.isfinite().all()):
            raise ModelFileError(
                f"{self._path}: proposes numbers that are not finite; train it again"
            )
        written = self._model.written(units, self._model.told(audio))
        return self._voice.units(written).clamp(0, 1)


def require_voice(path: Path, of: str, rate: int, names: tuple[str, ...], voice: Voice) -> None:
    """Raise `ModelFileError` unless a model's patches are those of a voice."""
    if of != voice.name:
        raise ModelFileError(
            f"{path}: a model of the voice {of}, not of {voice.name}; choose --voice {of}, or a"
            f" model of {voice.name}"
        )
    if rate != voice.sample_rate or sorted(names) != sorted(voice.names):
        raise ModelFileError(
            f"{path}: made for other parameters or another rate than the voice {of} has; train and"
            " export it again"
        )


def find_proposer(model: Path | None, voice: Voice) -> Proposer | None:
    """The model of a file, or the bundled one of a voice; None where there is none.

    Args:
        model: ONNX file, `model.pt` or the folder of its run; None: the bundled one.
        voice: whose patches are wanted.

    Raises:
        ModelFileError: the file can't be used.
    """
    if model is None:
        bundled = BUNDLED / f"{voice.name}.onnx"
        return OnnxProposer(bundled, voice) if bundled.is_file() else None
    path = model / "model.pt" if model.is_dir() else model
    if not path.is_file():
        raise ModelFileError(f"{model}: no such model; give an ONNX file, model.pt or a run")
    return ModelProposer(path, voice) if path.suffix == ".pt" else OnnxProposer(path, voice)
