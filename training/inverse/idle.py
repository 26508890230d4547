"""Settings that change nothing beside the others, and why."""

from __future__ import annotations

from collections.abc import Mapping

from synth.models.inverse import InverseConfig
from training.inverse.config import InverseTrainConfig

OF_VICREG = ("invariance", "variance", "covariance", "waveform", "projection")
OF_PATCHES = (
    "frozen", "flow_weight", "flow_times", "parameter_weight", "embedding_weight",
    "spectral_weight", "spectral_loss", "spectral_rows", "teacher_weight",
    "teacher_noises", "audible",
)  # fmt: skip
OF_FLOW = ("flow_times", "flow", "flow_width", "flow_depth", "flow_tokens", "flow_heads")
OF_SPECTRAL_LOSS = ("spectral_loss", "spectral_rows")
OF_SPECTRA = ("window", "hop")
OF_MOBILE = ("depths", "expansion", "patch", "dilations")


def idle_settings(model: InverseConfig, settings: InverseTrainConfig) -> Mapping[str, str]:
    """Names of settings that change nothing, each with its reason.

    Args:
        model: its config; settings: of the run.
    """
    found = dict[str, str]()
    s = settings
    if s.stage == "vicreg":
        found |= dict.fromkeys((*OF_PATCHES, *OF_FLOW), "stage is vicreg")
    else:
        found |= _in_patches(s)
    if model.frontend in ("waveform", "pqmf") and model.encoder != "joined":
        found |= dict.fromkeys(OF_SPECTRA, f"frontend is {model.frontend}")
    if model.frontend == "waveform" and model.encoder != "joined":
        found["bands"] = "frontend is waveform"
    if model.encoder == "pretrained":
        found["widths"] = "encoder is pretrained"
    if model.encoder not in ("mobile", "joined"):
        found |= dict.fromkeys(OF_MOBILE, f"encoder is {model.encoder}")
    if s.stage == "patches" and not s.head_learns and model.encoder not in ("sample", "joined"):
        found["dropout"] = "nothing that has dropout learns"
    if model.flow == "plain":
        found |= dict.fromkeys(("flow_tokens", "flow_heads"), "flow is plain")
    if s.reuse == 1:
        found["stock"] = "reuse is 1"
    if s.descends_by == "lars":
        found |= dict.fromkeys(("beta1", "beta2"), "optimizer is lars")
    return found


def _in_patches(s: InverseTrainConfig) -> dict[str, str]:
    found = dict.fromkeys(OF_VICREG, "stage is patches")
    if s.embedding_weight:
        del found["projection"]
    if not s.head_learns:
        found["init"] = "the head has no loss"
    if s.frozen:
        found["micro_batch"] = "frozen is on"
    if not s.flow_weight:
        unused = OF_FLOW[:1] if s.teacher_weight else OF_FLOW
        found |= dict.fromkeys(unused, "flow_weight is 0")
    if not s.spectral_weight:
        found |= dict.fromkeys(OF_SPECTRAL_LOSS, "spectral_weight is 0")
    if not s.teacher_weight:
        found["teacher_noises"] = "teacher_weight is 0"
    if not any((s.parameter_weight, s.flow_weight, s.teacher_weight)):
        found["audible"] = "no loss weighs parameters"
    return found
