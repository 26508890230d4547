"""The content of `model.pt`: weights with everything needed to use them. Pure data, no paths.

`training` writes it (atomically); `export` and `training` open it and read it with `read_tensors`.
"""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from synth.contract import (
    ConfigError,
    ModelFileError,
    config_from_dict,
    config_to_dict,
    one_line,
)
from synth.models import FAMILIES

PACKAGE_FORMAT = 1
LATENT_KEYS = ("mean", "axes", "low", "high")


@dataclass(frozen=True)
class Package:
    """A trained model.

    Attributes:
        family: key of `FAMILIES`; config: of that family; model: in eval mode, on the CPU.
        latent: statistics of the training data's latents: `mean` `[dim]`, `axes` `[dim, dim]`
            (orthonormal rows, largest variance first), `low` and `high` `[dim]` (1st and 99th
            percentile along each axis, mean removed). Empty where the family has none.
        provenance: JSON-ready: data summary, licence, seed, steps, versions, figures.
    """

    family: str
    config: Any
    model: nn.Module
    latent: dict[str, Tensor]
    provenance: dict[str, Any]


def pack(
    family: str,
    model: nn.Module,
    config: Any,
    latent: Mapping[str, Tensor],
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """The dictionary that `torch.save` writes as `model.pt`."""
    return {
        "format": PACKAGE_FORMAT,
        "family": family,
        "config": config_to_dict(config),
        "weights": {k: v.detach().cpu().clone() for k, v in model.state_dict().items()},
        "latent": {k: v.detach().cpu().clone() for k, v in latent.items()},
        # Through JSON, so that nothing but plain data is left (a version may be a class of its own,
        # which a loader that takes data only refuses).
        "provenance": json.loads(json.dumps(dict(provenance))),
    }


def read_tensors(file: BinaryIO) -> Any:
    """Plain data and tensors from a file that `torch.save` wrote, as data: nothing in it is run.

    Args:
        file: open for reading bytes, and seekable.

    Raises:
        ModelFileError: the file is truncated, damaged or foreign, or holds more than data.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of old tar formats, which then fail
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ModelFileError(
            "it holds more than data, or is damaged; nothing in it was run; use one that synth"
            " train wrote"
        ) from None
    except Exception as error:  # noqa: BLE001 - torch raises whatever a damaged file leads it to
        raise ModelFileError(one_line(error, 120)) from None


def unpack(data: Any) -> Package:
    """Rebuild the model from what `pack` made.

    Raises:
        ModelFileError: another format, unknown family, a config that doesn't fit, weights or latent
            statistics that are missing, of another shape or not finite.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of weights of another type, which are converted
            return _unpack(data)
    except ModelFileError:
        raise
    except Exception as error:  # noqa: BLE001 - damaged data may lead anywhere
        raise ModelFileError(f"the model is damaged ({one_line(error)}); train again") from None


def _unpack(data: Any) -> Package:
    if not isinstance(data, Mapping) or not {"format", "family", "config", "weights"} <= set(data):
        raise ModelFileError("this is no model.pt of synth train")
    if not isinstance(data["format"], int) or data["format"] != PACKAGE_FORMAT:
        raise ModelFileError(
            f"model format {data['format']!r}; {PACKAGE_FORMAT} is known here, update synth"
        )
    family = FAMILIES.get(str(data["family"]))
    if family is None:
        raise ModelFileError(
            f"family {data['family']!r} is unknown; known are {', '.join(FAMILIES)}"
        )
    try:
        config = config_from_dict(family.config, data["config"])
        with torch.device("meta"):  # shapes first: a config may ask for more than fits in memory
            _require_shapes(family.build(config).state_dict(), data["weights"])
        model = family.build(config)
        model.load_state_dict(data["weights"])
    except (ConfigError, RuntimeError, TypeError, AttributeError) as error:
        raise ModelFileError(
            f"the model's config and weights don't fit: {one_line(error, 200)}"
        ) from None
    latent = _latent(data.get("latent") or {})
    for name, tensor in {**model.state_dict(), **latent}.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelFileError(f"{name} holds values that are not finite; train again")
    provenance = _provenance(data.get("provenance") or {})
    return Package(str(data["family"]), config, model.eval(), latent, provenance)


def _require_shapes(wanted: Mapping[str, Tensor], found: Mapping[str, Any]) -> None:
    for name, tensor in wanted.items():
        shape = getattr(found.get(name), "shape", None)
        if shape != tensor.shape:
            came = "nothing" if shape is None else str(tuple(shape))
            raise TypeError(f"{name} needs shape {tuple(tensor.shape)}, got {came}")


def _latent(found: Any) -> dict[str, Tensor]:
    """The statistics, checked to be all there and of one size."""
    if not isinstance(found, Mapping):
        raise ModelFileError("the latent statistics are no mapping; train again")
    latent = dict(found)
    if not latent:
        return {}
    if set(latent) != set(LATENT_KEYS) or not all(torch.is_tensor(t) for t in latent.values()):
        raise ModelFileError(
            f"latent statistics need {LATENT_KEYS}, got {sorted(map(str, latent))}"
        )
    dim = latent["mean"].numel()
    for name, tensor in latent.items():
        shape = (dim, dim) if name == "axes" else (dim,)
        if tensor.shape != shape:
            raise ModelFileError(f"latent {name} needs shape {shape}, got {tuple(tensor.shape)}")
    return latent


def _provenance(found: Any) -> dict[str, Any]:
    """What the model tells of its making, checked to be what its readers expect."""
    if not isinstance(found, Mapping):
        raise ModelFileError("the provenance is no mapping; train again")
    steps, data = found.get("steps", 0), found.get("data", {})
    if not isinstance(steps, int) or not isinstance(data, Mapping):
        raise ModelFileError("the provenance is damaged (its steps or data); train again")
    try:
        told = json.loads(json.dumps(dict(found)))
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelFileError(
            f"the provenance is damaged ({one_line(error)}); train again"
        ) from None
    return dict(told)
