"""Evaluations of a SampleRNN while it is trained: likelihood, and the audio that it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from synth.contract import write_audio
from synth.models.samplernn import SampleRNN, SampleRNNConfig
from training.data.library import Array
from training.run.review import Review, Say
from training.samplernn.arguments import Arguments, ArgumentsFile, stored_arguments
from training.samplernn.config import SampleRNNPlan, SampleRNNTrainConfig
from training.samplernn.likelihood import likelihood
from training.samplernn.recordings import make_layout, make_steering, window_frames
from training.samplernn.sounds import generated, ground_truth, write_examples, write_generated

NAN = float("nan")


class SampleRNNReview(Review[SampleRNN, SampleRNNConfig, SampleRNNTrainConfig]):
    """Held-out likelihood; generated audio; the arguments that may be edited meanwhile."""

    columns = ("held_out_loss", "held_out_bits", "held_out_accuracy")

    def __init__(self, plan: SampleRNNPlan, out: Path, say: Say) -> None:
        super().__init__(plan, out, say)
        self._settings = plan.training
        self._window = window_frames(plan.model, self._settings)
        self._arguments: ArgumentsFile | None = None

    def begin(self, training: dict[str, Any] | None, model: Callable[[], SampleRNN]) -> None:
        start = self._given()
        if training is not None:
            # Edits made while the run ran apply, except where a setting is given anew.
            edited = asdict(stored_arguments(self.out, start))
            told = {k: v for k, v in asdict(start).items() if v != training.get(k)}
            start = Arguments(**{**edited, **told})
        self._arguments = ArgumentsFile(self.out, start, self.say)
        folder = self.out / "audio"
        if not (folder / "ground_truth.wav").exists():
            made = model()
            write_examples(folder, made, self._example(0)[None])
            truth = ground_truth(made, self.plan.learned)
            write_audio(folder / "ground_truth.wav", truth, made.config.sample_rate)

    def after_step(self, step: int, model: Callable[[], SampleRNN]) -> None:
        arguments = self._now()
        if step % arguments.generate_every == 0:
            self._generate(model(), step, arguments)

    def saves(self, step: int) -> bool:
        return step % self._now().checkpoint_every == 0

    def evaluate(self, model: SampleRNN, step: int) -> dict[str, float]:
        settings, clips = self._settings, self.plan.held_out
        found = likelihood(
            model,
            clips,
            make_steering(self.plan, clips),
            seconds=settings.eval_seconds,
            frames=settings.num_frames,
            rows=settings.batch_size,
        )
        return {f"held_out_{name}": value for name, value in asdict(found).items()}

    def score(self, figures: dict[str, float]) -> float:
        return figures["held_out_loss"]

    def headline(self, figures: dict[str, float]) -> str:
        return f"held-out {figures.get('held_out_bits', NAN):.3f} bits per sample"

    def detail(self, figures: dict[str, float]) -> str:
        return f"accuracy {100 * figures.get('held_out_accuracy', NAN):.1f} %"

    def _given(self) -> Arguments:
        s = self._settings
        return Arguments(s.length, s.num_generated, s.generate_every, s.checkpoint_every)

    def _now(self) -> Arguments:
        return self._arguments.read() if self._arguments else self._given()

    def _generate(self, model: SampleRNN, step: int, arguments: Arguments) -> None:
        settings, clips = self._settings, self.plan.held_out
        steering = make_steering(self.plan, clips)
        longest = max(range(len(clips)), key=lambda i: clips[i].frames)
        epoch = make_layout(self.plan, 0, 1).epoch(step)

        def steer(frames: int) -> Array:
            """Features of a held-out recording, repeated as often as needed."""
            assert steering is not None  # noqa: S101 - asked for only where there is one
            hops = max(1, clips[longest].frames // model.hop)
            own = steering.window(longest, 0, min(frames, hops) * model.hop)
            return np.resize(own, (frames, own.shape[1]))

        audio = generated(
            model,
            self._example(step),
            steer if steering else None,
            seconds=arguments.length,
            rows=arguments.num_generated,
            temperature=settings.temperature,
            seed=settings.seed + step,
        )
        shown = np.array(clips[longest].open()[0, : audio.shape[1]])
        name = f"epoch_{epoch}_iter_{step}"
        write_generated(self.out, name, audio, shown, model.config.sample_rate)

    def _example(self, step: int) -> Array:
        """A training window `[context + span]`, a different one for each step."""
        draw = np.random.default_rng([self._settings.seed, step, 4])
        clip = self.plan.learned[draw.integers(len(self.plan.learned))]
        start = draw.integers(clip.frames - self._window + 1)
        return np.array(clip.open()[0, start : start + self._window])
