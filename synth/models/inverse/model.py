"""`Inverse`: the networks between the sounds of a voice and its parameters."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from synth.models.inverse.config import InverseConfig
from synth.models.inverse.encoders import dry_run, make_encoder
from synth.models.inverse.flow import Flow
from synth.models.inverse.frontends import make_frontend
from synth.models.inverse.head import Head, ParameterEncoder, Projector
from synth.models.inverse.hearing import Heard, hear
from synth.models.inverse.voices import KEY, Nebula, Voice, find_nebula, make_voice

TOLD = 3  # key, voicedness and length of a sound
VOICED = 0.5
NEAR = 6.0  # semitones within which the key that is heard is meant
HIGHEST_KEY = 127
STEPS = 4  # of the flow, by the midpoint rule; more are no better
# Share of the noise that the flow starts from: patches that are likelier than most, at the price of
# variety. Of bundled candidates for held-out sounds, the best is nearer than with all of it.
CALM = 0.7


class AudioEncoder(nn.Module):
    """From sounds to embeddings.

    Args:
        config: of the model; frontend: "mel" …; samples: of a sound.

    Shape: `[batch, samples]` to `[batch, dim]`.
    """

    def __init__(self, config: InverseConfig, samples: int) -> None:
        super().__init__()
        self.frontend = make_frontend(config)
        self.encoder = make_encoder(config, dry_run(self.frontend, (samples,)))

    def forward(self, audio: Tensor) -> Tensor:
        found: Tensor = self.encoder(self.frontend(audio))
        return found


class Inverse(nn.Module):
    """A voice and the networks that find its parameters in sounds.

    Args:
        config: what it is built from.

    Attributes:
        voice: with the nebula's curves.
        audio: from a sound to an embedding, through `audio.frontend` and `audio.encoder`.
        waveform: the same from the waveform itself, a third view; None where there is none.
        parameters_encoder: from knob positions to an embedding.
        projector: from embeddings to where VICReg compares them.
        head: from an embedding to knob positions.
        flow: from noise and an embedding to knob positions.
    """

    def __init__(self, config: InverseConfig) -> None:
        super().__init__()
        self.config = config
        self.voice = configured_voice(config)
        n, samples = len(self.voice.names), self.voice.samples
        self.audio = AudioEncoder(config, samples)
        self.waveform = AudioEncoder(_of_waveform(config), samples) if config.waveform else None
        self.parameters_encoder = ParameterEncoder(n, config.dim, config.dropout)
        self.projector = Projector(config.dim, config.projection)
        self.head = Head(n, config.dim, TOLD, config.dropout)
        self.flow = Flow(
            n,
            config.dim,
            TOLD,
            network=config.flow,
            width=config.flow_width,
            depth=config.flow_depth,
            tokens=config.flow_tokens,
            heads=config.flow_heads,
        )

    def embed(self, audio: Tensor) -> Tensor:
        """Embeddings `[batch, dim]` of sounds `[batch, samples]`."""
        found: Tensor = self.audio(audio)
        return found

    def told(self, audio: Tensor) -> Tensor:
        """Key, voicedness and length of sounds, which head and flow take beside the embeddings; see
        `told_of`."""
        return told_of(hear(audio, self.voice.sample_rate), self.voice)

    def propose(self, audio: Tensor, noise: Tensor, steps: int = STEPS) -> Tensor:
        """Knob positions that may make a sound.

        Args:
            audio: `[1, samples]`.
            noise: standard normal, `[proposals, parameters]`.
            steps: of the flow.

        Returns:
            `[proposals, parameters]`, 0 … 1: first the head's, then the flow's. The key is the one
            that is heard, where there is one and the proposal is near.
        """
        return self.proposed(self.embed(audio), self.told(audio), noise, steps)

    def proposed(
        self, embedding: Tensor, told: Tensor, noise: Tensor, steps: int = STEPS
    ) -> Tensor:
        """`propose` for a sound whose embedding `[1, dim]` is known, and what is told of it."""
        count = len(noise) - 1
        first = self.head(embedding, told)
        others = self.flow.sample(
            embedding.expand(count, -1), told.expand(count, -1), CALM * noise[1:], steps
        )
        return self.keyed(torch.cat([first, others]), told)

    def keyed(self, units: Tensor, told: Tensor) -> Tensor:
        """Knob positions with the key that is heard, where there is one and theirs is near it.

        Args:
            units: `[batch, parameters]`; told: of their sounds, `[batch or 1, TOLD]`.
        """
        column = self.voice.names.index(KEY)
        parameter = self.voice.parameters_[column]
        heard, voiced = HIGHEST_KEY * told[:, :1], told[:, 1:2]
        own = units[:, column : column + 1]
        near = (parameter.value(own) - heard).abs() < NEAR
        key = torch.where((voiced > VOICED) & near, parameter.unit_of(heard), own)
        return torch.cat([units[:, :column], key, units[:, column + 1 :]], 1)

    def written(self, units: Tensor, told: Tensor) -> dict[str, Tensor]:
        """Values by name, `[batch, 1]`, of proposals, written for the key that is heard, if any.

        A keyboard then plays the sound at that key.

        Args:
            units: knob positions, `[batch, parameters]`; told: of the sound, `[1, TOLD]`.
        """
        values = self.voice.values(units)
        heard, voiced = HIGHEST_KEY * told[:, :1], told[:, 1:2]
        key = torch.where(voiced > VOICED, heard + 0 * values[KEY], values[KEY])
        return self.voice.written_for(values, key)


def _of_waveform(config: InverseConfig) -> InverseConfig:
    """The config of the third view's encoder."""
    return replace(config, frontend="waveform", encoder=config.waveform, waveform="")


def told_of(heard: Heard, voice: Voice) -> Tensor:
    """Key, voicedness and length of sounds as numbers of about 0 … 1, `[batch, TOLD]`.

    Args:
        heard: key, voicedness and length; voice: whose sounds' length is 1.
    """
    return torch.cat([heard.key / HIGHEST_KEY, heard.voiced, heard.seconds / voice.seconds], -1)


def configured_voice(config: InverseConfig) -> Voice:
    """The voice of a config, with the curves of its nebula.

    Raises:
        ConfigError: voice or nebula is unknown, or the nebula is one of another voice.
    """
    voice = make_voice(config.voice, config.sample_rate)
    text = config.nebula
    nebula = Nebula.from_json(text) if "{" in text else find_nebula(config.voice, text)
    return voice.with_nebula(nebula)
