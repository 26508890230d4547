"""The weights of an unregularised run, from which a regularised phase begins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from synth.contract import ConfigError, ModelFileError, config_to_dict, one_line
from synth.models.package import read_tensors
from synth.models.timbre import Timbre
from training.timbre.config import TimbrePlan

DECIDED_BY_NOTES = ("instruments", "anchor_instruments", "anchor_keys", "anchor_dynamics")
ANCHORS = ("anchors", "anchor_levels", "anchor_times")


def begin_from(plan: TimbrePlan, model: Timbre) -> None:
    """Give a fresh model the weights that `load` names, and its scale.

    A run that is resumed has them in its checkpoint: there the file may be gone.
    """
    path = plan.training.load
    if path and Path(path).is_file():
        model.load_state_dict({**model.state_dict(), **load_weights(plan)})


def load_weights(plan: TimbrePlan) -> dict[str, Tensor]:
    """The weights in the file that `load` names, without the anchors.

    Raises:
        ModelFileError: it can't be read.
        ConfigError: it holds another family, or a model of another shape.
    """
    path = Path(plan.training.load)
    try:
        with path.open("rb") as file:
            found = read_tensors(file)
        family, weights = found["family"], dict(found["weights"])
        # A model.pt has its config under "config", a checkpoint under "model".
        config = dict(found.get("config") or found["model"])
    except (OSError, ModelFileError, TypeError, KeyError, ValueError) as error:
        raise ModelFileError(
            f"load: {path} is no model.pt or checkpoint of synth train timbre"
            f" ({one_line(error, 100)})"
        ) from None
    if family != plan.family:
        raise ConfigError(f"load: {path} is of the family {family!r}; one of timbre is needed")
    _require_alike(plan, config)
    return {name: tensor for name, tensor in weights.items() if name not in ANCHORS}


def _require_alike(plan: TimbrePlan, config: Mapping[str, Any]) -> None:
    for name, value in config_to_dict(plan.model).items():
        if name not in DECIDED_BY_NOTES and config.get(name) != value:
            raise ConfigError(
                f"{name} is {value}, but the model to load has {config.get(name)}; give it the same"
            )
