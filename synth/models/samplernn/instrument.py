"""The SampleRNN as an instrument: a voice is a row that goes on from a place of a prime bank.

A run is a beginning, loops (frames of every tier, samples of a frame) and an end. `step` runs the
loops of `stepping`. An exported graph has loops of its own, whose bodies are the methods `tier`,
`sample`, `draw` and `slide`: pure functions of named tensors, which is what a tracer takes. They
compute by the same functions, and every export proves that the graph plays what `step` plays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from synth.contract import TensorSpec
from synth.models.instrument import Instrument
from synth.models.samplernn.controls import SPREAD, controls_of
from synth.models.samplernn.folding import FoldedSampleRNN
from synth.models.samplernn.live import LiveModel
from synth.models.samplernn.model import SampleRNN
from synth.models.samplernn.sampling import LARGEST_PICKED, SHARPEST, keep_top, pick
from synth.models.samplernn.stepping import Draw, make_frames, step_tier
from synth.nn import State

SHORTEST_HOP = 128  # samples: what one run costs besides its samples is spread over so many
FALL_60_DB = 6.9078  # ln(1000): time constants in a fall by 60 dB
USUAL_VELOCITY = 0.8
# Standard deviations below the mean loudness of the training data down to which a model is asked
# for it. What is softer is rare there (the rims of notes), and a model answers it with any level.
SOFTEST = 1.0
KEYS = 128
NOISE = "noise"


@dataclass(frozen=True)
class PrimeBank:
    """Places of the training data at which notes start.

    Attributes:
        state: of `SampleRNN`, a row per place: its state after hearing the data up to there.
        place: int64 `[128]`, the place at which each key starts.
    """

    state: State
    place: Tensor


class SampleRNNInstrument(Instrument):
    """Generates with a SampleRNN, steered by notes and controls.

    Args:
        model: trained; left as it is.
        bank: where notes start.

    Attributes:
        live: the steps that the loops run.
        random: one input, `noise`: a standard normal number per sample.
    """

    kind = "generator"
    channels_in = 0
    place: Tensor
    levels: Tensor

    def __init__(self, model: SampleRNN, bank: PrimeBank) -> None:
        super().__init__()
        config = model.config
        folded = FoldedSampleRNN(model)
        self.config, self.sample_rate = config, config.sample_rate
        self.hop = -(-SHORTEST_HOP // config.hop) * config.hop
        self.live = LiveModel(folded)
        self.steering = folded.model
        self.random = (TensorSpec(NOISE, (-1, self.hop)),)
        self.controls = controls_of(config, model.feature_mean, model.feature_std)
        self.sounds = config.labels
        self.key_range = _key_range(model)
        self.softest = _softest(model)
        self.register_buffer("levels", folded.model.decode(torch.arange(config.quantization)))
        self.register_buffer("place", bank.place.clone())
        self.tier_keys = [key for key in bank.state if key != "history"]
        self.places = len(bank.state["history"])
        for key, tensor in bank.state.items():
            # Half precision keeps the file small; the recurrent layers forget the difference.
            kept = tensor.half() if tensor.is_floating_point() else tensor
            self.register_buffer(f"prime_{key.replace('.', '_')}", kept.contiguous())

    def init_state(self, voices: int) -> State:
        rows = {key: self._prime(key)[:1].float() for key in self.tier_keys}
        state = {k: torch.zeros(voices, *v.shape[1:]) for k, v in rows.items()}
        number = torch.zeros(voices, 1)
        return state | {
            "history": torch.zeros(voices, self.config.context, dtype=torch.int64),
            "started": torch.zeros(voices, 1, dtype=torch.int64),
            "reprimed": number,
            "envelope": number.clone(),
        }

    def step(
        self, feed: Tensor, controls: Mapping[str, Tensor], state: State
    ) -> tuple[Tensor, State]:
        """As `Instrument.step`; `controls` also holds `noise`, `[voices, n, hop]`."""
        begun = self.begin({**controls, **state})
        codes, after = make_frames(
            self.live,
            {key: begun[key] for key in (*self.tier_keys, "history")},
            begun["uniform"].reshape(-1, len(begun["hold"])).t(),
            begun["given"][:, None] if "given" in begun else None,
            self._rule(begun),
            begun["hold"],
        )
        ended = self.end({**controls, **state, "codes": codes.t()[..., None]})
        return ended.pop("audio"), after | ended

    def begin(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The beginning of a run: what the loops need.

        Args:
            given: controls, `noise` `[voices, n, hop]` and the state.

        Returns:
            `uniform` `[frames, frame_sizes from the top tier down, voices, 1]`, `sharpness`,
            `top_k`, `hold` `[voices, 1]`, `any_top_k` (a scalar), `most_kept` `[1]` (the largest
            `top_k`, at least 1), `given` `[voices, hidden]` where the model has features, and the
            state to go on from.
        """
        noise, temperature = given[NOISE], given["temperature"]
        uniform = 0.5 * (1.0 + torch.erf(noise * 0.5**0.5))
        sizes = self.config.frame_sizes[::-1]
        uniform = uniform.clamp(0.0, LARGEST_PICKED).reshape(noise.shape[0], -1, *sizes)
        uniform = uniform.permute(*range(1, uniform.dim()), 0).unsqueeze(-1)
        top_k = given["top_k"].long()
        begun = {
            "uniform": uniform,
            "sharpness": 1.0 / temperature.clamp_min(1.0 / SHARPEST),
            "top_k": top_k,
            "any_top_k": top_k.max() > 0,
            "most_kept": top_k.max().clamp_min(1).reshape(1),
            "hold": given["freeze"] > 0.5,
        }
        steered = self._steer(given)
        return begun | ({} if steered is None else {"given": steered}) | self._start(given)

    def tier(self, k: int, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A frame of tier `k`: `history`, `hold`, its state, `given` -> `known`, its next state."""
        history, steered = given["history"], given.get("given")
        known, new = step_tier(self.live, k, history, steered, given, given["hold"])
        return {"known": known} | new

    def sample(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`window` `[voices, taps]`, `known` `[voices, hidden]` -> `logits`."""
        return {"logits": self.live.logits(given["window"], given["known"])}

    def narrow(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`logits`, `top_k` -> `narrowed`: codes that a voice may not draw are out of reach."""
        return {"narrowed": keep_top(given["logits"], given["top_k"])}

    def draw(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`narrowed`, `sharpness`, `uniform` `[voices, 1]`, `window` -> `code`, next `window`."""
        code = pick(given["narrowed"], given["sharpness"], given["uniform"])
        return {"code": code, "window": torch.cat([given["window"][:, 1:], code], 1)}

    def slide(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`history` and the `window` after a frame of the lowest tier -> next `history`."""
        taps = self.live.taps
        return {"history": torch.cat([given["history"][:, taps:], given["window"]], 1)}

    def end(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The end of a run: codes become sound.

        Args:
            given: controls, the state and `codes` `[any axes, voices, 1]`, time in front.

        Returns:
            `audio` `[voices, 1, samples]` and the next `envelope`, `started`, `reprimed`.
        """
        codes = given["codes"]
        codes = codes.reshape(-1, codes.shape[-2]).t()  # [voices, samples]
        gain, envelope = self._envelope(given, codes.shape[1])
        level = 10.0 ** (given["gain"] / 20.0)
        if "loudness" not in self.config.features:
            level = level * given["velocity"].square()
        else:
            # What is softer than the model is asked to be, the gain makes so.
            asked = _asked_loudness(given)
            level = level * 10.0 ** ((asked - asked.clamp_min(self.softest)) / 20.0)
        audio = self.levels[codes] * gain * level
        return {
            "audio": audio[:, None],
            "envelope": envelope,
            "started": torch.ones_like(given["started"]),
            "reprimed": given["reprime"],
        }

    def _rule(self, begun: Mapping[str, Tensor]) -> Draw:
        """The draw of `narrow` and `draw`, for the loop of `stepping`."""

        def rule(logits: Tensor, uniform: Tensor) -> Tensor:
            narrowed = self.narrow({"logits": logits, "top_k": begun["top_k"]})["narrowed"]
            return pick(narrowed, begun["sharpness"], uniform[:, None])[:, 0]

        return rule

    def _prime(self, key: str) -> Tensor:
        return getattr(self, f"prime_{key.replace('.', '_')}")  # type: ignore[no-any-return]

    def _start(self, given: Mapping[str, Tensor]) -> State:
        """The state as it is, or that of the prime bank in rows that begin."""
        fresh = (given["started"] == 0) | (given["reprime"] != given["reprimed"])
        key = torch.round(given["key"]).long().clamp(0, KEYS - 1)[:, 0]
        moved = torch.round(given["position"] * (self.places - 1)).long()[:, 0]
        place = torch.remainder(self.place[key] + moved, self.places)
        state = {"history": torch.where(fresh, self._prime("history")[place], given["history"])}
        for name in self.tier_keys:
            primed = self._prime(name)[place].float()
            state[name] = torch.where(fresh[:, :, None], primed, given[name])
        return state

    def _steer(self, given: Mapping[str, Tensor]) -> Tensor | None:
        """The top tier's conditioning `[voices, hidden]`, or None."""
        config = self.config
        if not config.feature_count:
            return None
        columns = []
        for name in config.features:
            value = given[name]
            if name == "pitch":
                value = value + given["key"] + given["bend"]
            elif name == "loudness":
                value = _asked_loudness(given).clamp_min(self.softest)
            columns.append(value)
        if len(config.labels) > 1:
            columns.append((given["sound"] == torch.arange(len(config.labels))).float())
        elif config.labels:
            columns.append(torch.ones_like(given["key"]))
        steered = self.steering.steer(torch.cat(columns, 1)[:, None])
        assert steered is not None  # noqa: S101 - there are features
        return steered[:, 0]

    def _envelope(self, given: Mapping[str, Tensor], samples: int) -> tuple[Tensor, Tensor]:
        """Gain `[voices, samples]` and the level after it: exponential towards the gate."""
        gate = given["gate"] > 0.5
        seconds = torch.where(gate, given["attack"], given["release"])
        decay = -FALL_60_DB / (seconds * self.sample_rate)
        target, level = gate.float(), given["envelope"]
        count = torch.arange(samples, device=level.device) + 1
        gain = target + (level - target) * torch.exp(decay * count)
        return gain, gain[:, -1:]


def _asked_loudness(given: Mapping[str, Tensor]) -> Tensor:
    """Loudness in dBFS that a note asks for, `[voices, 1]`: it goes with the square of velocity."""
    ratio = (given["velocity"] / USUAL_VELOCITY).clamp_min(0.01)
    return given["loudness"] + 40.0 * torch.log10(ratio)


def _softest(model: SampleRNN) -> float:
    """Loudness in dBFS below which the model isn't asked for it; -inf where it knows none."""
    if "loudness" not in model.config.features:
        return -math.inf
    at = model.config.features.index("loudness")
    return float(model.feature_mean[at] - SOFTEST * model.feature_std[at])


def _key_range(model: SampleRNN) -> tuple[int, int] | None:
    """Keys within what the model heard, where it knows pitch."""
    if "pitch" not in model.config.features:
        return None
    at = model.config.features.index("pitch")
    mean, reach = float(model.feature_mean[at]), (SPREAD - 1) * float(model.feature_std[at])
    low = min(max(round(mean - reach), 0), KEYS - 1)
    return low, min(max(round(mean + reach), low), KEYS - 1)
