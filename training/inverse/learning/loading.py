"""The weights with which a run begins: those of another run, or those of photographs."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from synth.contract import ConfigError, ModelFileError, one_line
from synth.models.inverse import Inverse
from synth.models.inverse.encoders import PretrainedEncoder
from synth.models.package import read_tensors
from training.inverse.config import InversePlan

PREFIX = "features."  # of the weights that torchvision has and the encoder takes
OF_SOUNDS = ("audio.", "waveform.")  # parts of the model that know nothing of parameters


class Loaded(NamedTuple):
    """The contents of a file that a model can use.

    Attributes:
        weights: by name, each of the shape that the model has.
        voice: name of the voice that they were learned with.
        stage: that they were learned in.
        steps: that they took, those of runs that this one began with included.
    """

    weights: dict[str, Tensor]
    voice: str
    stage: str
    steps: int


def begin_from(plan: InversePlan, model: Inverse) -> None:
    """Give a fresh model the weights that `load` names.

    A run that is resumed has them in its checkpoint: there the file may be gone.
    """
    path = plan.training.load
    if path and Path(path).is_file():
        model.load_state_dict({**model.state_dict(), **load_weights(plan, model).weights})


def begin_from_photographs(model: Inverse, *, required: bool = False) -> None:
    """Give the encoder "pretrained" of a fresh model its weights, if it has this one.

    Nothing is fetched: torchvision's file has to be where torch keeps such files. A run that is
    resumed has the weights in its checkpoint: there the file may be gone.

    Args:
        model: fresh.
        required: whether a missing file is an error.

    Raises:
        ConfigError: the file isn't there, but required, or holds other weights.
    """
    encoder = model.audio.encoder
    if not isinstance(encoder, PretrainedEncoder):
        return
    models: Any = importlib.import_module("torchvision.models")
    url = str(models.MobileNet_V3_Small_Weights.DEFAULT.url)
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    if not required and not path.is_file():
        return
    try:
        whole = torch.load(path, "cpu", weights_only=True)
        kept = {n.removeprefix(PREFIX): t for n, t in whole.items() if n.startswith(PREFIX)}
        encoder.features.load_state_dict(kept)
    except (OSError, RuntimeError, pickle.UnpicklingError, AttributeError) as error:
        raise ConfigError(
            f"the weights of the encoder pretrained can't be read from {path}"
            f" ({one_line(error, 100)}); download {url} to there, or take the encoder mobile"
        ) from None


def load_weights(plan: InversePlan, model: Inverse) -> Loaded:
    """The weights in the file that `load` names, as far as the model has a use for them.

    Of another voice these are the encoders of sounds: parameters have other meanings there.

    Args:
        plan: of the run; model: fresh.

    Raises:
        ModelFileError: the file can't be read.
        ConfigError: it holds another family, or encoders of another shape.
    """
    path = Path(plan.training.load)
    try:
        with path.open("rb") as file:
            found = read_tensors(file)
        family, config = found["family"], dict(found.get("config") or found["model"])
        weights = dict(found.get("extra", {}).get("average") or found["weights"])
        told = found.get("training") or found["provenance"]["training"]
        voice, stage = str(config["voice"]), str(told["stage"])
        taken = found["step"] if "step" in found else found["provenance"]["steps"]
        steps = int(taken) + int(told.get("loaded_steps", 0))
    except (OSError, ModelFileError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise ModelFileError(
            f"load: {path} is no model.pt or checkpoint of synth train inverse"
            f" ({one_line(error, 100)})"
        ) from None
    if family != plan.family:
        raise ConfigError(f"load: {path} is of the family {family!r}; one of inverse is needed")
    wanted = model.state_dict()
    if voice != plan.model.voice:
        weights = {n: t for n, t in weights.items() if n.startswith(OF_SOUNDS)}
    usable = {n: t for n, t in weights.items() if n in wanted and t.shape == wanted[n].shape}
    missing = [n for n in wanted if n.startswith("audio.") and n not in usable]
    if missing:
        raise ConfigError(
            f"load: {path} has another encoder ({missing[0]} differs); give the settings of its"
            " run's config.yaml for frontend, encoder and dim"
        )
    return Loaded(usable, voice, stage, steps)
