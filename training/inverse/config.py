"""The settings of a run that trains inverse synthesis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from synth.contract import ConfigError, require_one_of
from training.run.config import TrainConfig

if TYPE_CHECKING:
    from synth.models.inverse import InverseConfig
    from training.run.plan import Plan

STAGES = ("patches", "vicreg")
OPTIMIZERS = ("auto", "adamw", "lars")
INITS = ("default", "xavier_normal", "xavier_uniform")
SPECTRAL_LOSSES = ("mel", "stft", "transport", "mel+transport")


@dataclass(frozen=True)
class InverseTrainConfig(TrainConfig):
    """Settings beside those of every run.

    Args:
        stage: what is learned: "patches", the way from a sound to patches, by the head and the
            flow; or "vicreg", embeddings in which a sound and its parameters agree.
        load: model.pt or checkpoint of a run that this one begins with: of the other stage, or of
            another voice, of which everything that has the same shape is taken.
        frozen: in the stage "patches", leave the encoder of `load` as it is.
        optimizer: "adamw", "lars", or "auto": "lars" for the stage "vicreg", otherwise "adamw".
        warmup_steps: steps in which the learning rate rises from 0.
        final_rate: share of the learning rate at the end of the cosine after that.
        average: decay of the moving average of the weights, which is evaluated and exported; 0:
            the weights themselves are.
        stock: number of rendered sounds that are kept at hand to be learned again.
        reuse: number of times that a sound is learned on average.
        workers: processes that render ahead, 0: render between the steps.
        save_every: steps between checkpoints.
        flow_weight: weight of the flow's loss.
        flow_times: number of times on the flow's way at which each sound is learned in a step.
        parameter_weight: weight of the error of the head's parameters.
        embedding_weight: weight of the distance between the embeddings of the head's and of the
            right parameters; it needs `load` of a "vicreg" run.
        spectral_weight: weight of the distance between the spectra of a sound and of what the
            voice makes of the head's parameters.
        spectral_loss: which distance that is: "mel", "stft", "transport" or "mel+transport", the
            losses that `synth match` refines by.
        spectral_rows: sounds of a batch that are rendered for it.
        teacher_weight: weight of the distance between the head's parameters and those that the flow
            draws from one noise; it needs `load`, and a flow that doesn't learn.
        teacher_noises: number of noises that are tried before the first step; the one whose draws
            are nearest to some sounds is the teacher's.
        audible: weigh each parameter's error by how much the parameter changes sounds.
        invariance: VICReg's weight of the distance between embeddings of the same sound.
        variance: VICReg's weight of what keeps embeddings apart.
        covariance: VICReg's weight of what keeps their components different.
        init: initial weights of head, parameter encoder and projector: "default", "xavier_normal"
            or "xavier_uniform".
        micro_batch: sounds of a batch that are encoded at once, 0: all; gradients are those of the
            whole batch either way.
        audibility: how much each parameter changes sounds; measured before the first step.
        teacher_noise: of the teacher, for each parameter; found before the first step.
        loaded_steps: number that the run of `load` took, and those that it began with; read before
            the first step.

    Raises:
        ConfigError: a value is out of its range, or two don't go together.
    """

    stage: str = "patches"
    load: str = ""
    frozen: bool = False
    batch_size: int = 64
    optimizer: str = "auto"
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    clip_norm: float = 1.0
    warmup_steps: int = 300
    final_rate: float = 0.01
    average: float = 0.999
    stock: int = 8_192
    reuse: int = 4
    workers: int = 1
    save_every: int = 500
    flow_weight: float = 1.0
    flow_times: int = 2
    parameter_weight: float = 1.0
    embedding_weight: float = 0.0
    spectral_weight: float = 0.0
    spectral_loss: str = "mel"
    spectral_rows: int = 8
    teacher_weight: float = 0.0
    teacher_noises: int = 64
    audible: bool = True
    invariance: float = 25.0
    variance: float = 25.0
    covariance: float = 1.0
    init: str = "default"
    micro_batch: int = 0
    eval_seconds: float = 256.0
    audibility: tuple[float, ...] = ()
    teacher_noise: tuple[float, ...] = ()
    loaded_steps: int = 0

    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **TrainConfig.RANGES,
        "batch_size": (2, 4_096),  # batch normalisation has no use for a single sound
        "learning_rate": (0.0, 100.0),
        "warmup_steps": (0, 10_000_000),
        "final_rate": (0.0, 1.0),
        "average": (0.0, 0.999999),
        "stock": (0, 10_000_000),
        "reuse": (1, 1_000_000),
        "workers": (0, 256),
        "save_every": (1, 100_000_000),
        "flow_weight": (0.0, 1e6),
        "flow_times": (1, 1_024),
        "parameter_weight": (0.0, 1e6),
        "embedding_weight": (0.0, 1e6),
        "spectral_weight": (0.0, 1e6),
        "spectral_rows": (1, 4_096),
        "teacher_weight": (0.0, 1e6),
        "teacher_noises": (1, 65_536),
        "loaded_steps": (0, 1_000_000_000),
        "invariance": (0.0, 1e6),
        "variance": (0.0, 1e6),
        "covariance": (0.0, 1e6),
        "micro_batch": (0, 4_096),
    }
    RESUMABLE: ClassVar[frozenset[str]] = TrainConfig.RESUMABLE | {"workers", "save_every"}

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("stage", self.stage, STAGES)
        require_one_of("optimizer", self.optimizer, OPTIMIZERS)
        require_one_of("init", self.init, INITS)
        require_one_of("spectral_loss", self.spectral_loss, SPECTRAL_LOSSES)
        if self.frozen and not self.load:
            raise ConfigError(
                "frozen is on and load is empty: an encoder that has learned nothing would stay so;"
                " name the model.pt of a run after load, or leave frozen out"
            )
        if self.embedding_weight and not self.load:
            raise ConfigError(
                f"embedding_weight is {self.embedding_weight:g} and load is empty: embeddings that"
                " mean nothing would be compared; name the model.pt of a vicreg run after load"
            )
        if self.teacher_weight and (not self.load or self.flow_weight):
            raise ConfigError(
                f"teacher_weight is {self.teacher_weight:g}, and the flow has learned nothing"
                " yet or is about to change; name the model.pt of a patches run after load, and set"
                " flow_weight to 0"
            )

    @property
    def head_learns(self) -> bool:
        """Whether the head has a loss."""
        return any((
            self.parameter_weight, self.embedding_weight, self.spectral_weight, self.teacher_weight
        ))  # fmt: skip

    @property
    def descends_by(self) -> str:
        """The optimiser: the setting, or what its "auto" stands for."""
        if self.optimizer != "auto":
            return self.optimizer
        return "lars" if self.stage == "vicreg" else "adamw"


InversePlan: TypeAlias = "Plan[InverseConfig, InverseTrainConfig]"

# Settings of a run that belong to a preset of the model.
PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"batch_size": 32, "stock": 1_024, "average": 0.99, "warmup_steps": 20},
    "live": {"stock": 16_384, "threads": 1},
    "full": {"batch_size": 256, "stock": 16_384, "workers": 4},
}

# What suits LARS, where nobody gives other values.
OF_LARS: dict[str, Any] = {"learning_rate": 3.2, "weight_decay": 1e-6, "clip_norm": 1e6}


def fitting(preset: Mapping[str, Any], values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of a preset, with rates that suit the optimiser.

    Args:
        preset: its settings of model and run; values: all settings that are given.
    """
    chosen = values.get("optimizer", "auto")
    by_lars = chosen == "lars" or (chosen == "auto" and values.get("stage") == "vicreg")
    return {**preset, **OF_LARS} if by_lars else preset
