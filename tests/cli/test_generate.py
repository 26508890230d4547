"""`synth generate` writes what the model makes, and says in one line what it can't use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from builders import SMALL, small_codec, tone
from cli_rig import Done, call

from synth.contract import config_to_dict
from synth.models.package import pack
from synth.models.samplernn import Drawing, Generator, SampleRNN, SampleRNNConfig

Synth = Callable[..., Done]
RATE = 8_000
CONFIG = SampleRNNConfig(
    sample_rate=RATE, quantization=64, frame_sizes=(4, 4), hidden_size=16, rnn_layers=1,
    embed_size=4, rnn="gru",
)  # fmt: skip
STEERED = replace(
    CONFIG, frame_sizes=(4,), features=("loudness",), labels=("wood", "metal"), feature_hop=64
)


def small_model(config: SampleRNNConfig = CONFIG) -> SampleRNN:
    torch.manual_seed(0)
    model = SampleRNN(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.5)
    model.scale.fill_(2.0)
    return model.eval()


@pytest.fixture
def synth(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Synth:
    """`synth(*ARGUMENTS)` in a folder with a `model.pt` and a `steered.pt`."""
    monkeypatch.chdir(tmp_path)
    torch.save(pack("samplernn", small_model(), CONFIG, {}, {}), "model.pt")
    torch.save(pack("samplernn", small_model(STEERED), STEERED, {}, {}), "steered.pt")
    return lambda *arguments: call(capsys, *arguments)


def read(path: str | Path) -> np.ndarray:
    audio, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    return np.asarray(audio)


def test_it_writes_what_the_model_makes(synth: Synth) -> None:
    """A length that is no whole number of frames, longer than what is read at a time."""
    done = synth("generate", "model.pt", "--length", 0.2501, "--seed", 7)
    assert (done.code, done.out, done.err) == (0, "generated.wav\n", "")
    codes = Generator(small_model()).stream(seed=7).read(2016)
    wanted = small_model().decode(codes)[0, :2001].numpy()
    np.testing.assert_allclose(read("generated.wav"), wanted, atol=2**-23)
    assert np.abs(wanted).max() == pytest.approx(0.5, abs=0.1), "the scale is undone"


def test_a_seed_is_a_sound(synth: Synth) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert synth("generate", "model.pt", "--length", 0.1, "--seed", seed, "-o", f"{name}.wav")
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()
    assert Path("a.wav").read_bytes() != Path("c.wav").read_bytes()


def test_several_sounds_each_at_its_temperature(synth: Synth) -> None:
    made = synth("generate", "model.pt", "--length", 0.1, "--temperature", "0,1", "-o", "takes")
    assert made.out.split() == ["takes/1.wav", "takes/2.wav"]
    for row, temperature in enumerate((0.0, 1.0)):
        drawing = Drawing((temperature,))
        codes = Generator(small_model()).stream(2, drawing=drawing).read(800)[row]
        wanted = small_model().decode(codes).numpy()
        np.testing.assert_allclose(read(made.out.split()[row]), wanted, atol=2**-23)
    three = synth("generate", "model.pt", "--length", 0.1, "--num", 3, "-o", "take.flac")
    assert three.out.split() == ["take_1.flac", "take_2.flac", "take_3.flac"]
    assert len({Path(name).read_bytes() for name in three.out.split()}) == 3


@pytest.mark.parametrize(
    "setting",
    [("--temperature", 0), ("--top-k", 2), ("--top-p", 0.3), ("--random-state",)],
    ids=lambda setting: setting[0],
)
def test_every_setting_is_heard(synth: Synth, setting: tuple[object, ...]) -> None:
    synth("generate", "model.pt", "--length", 0.1, "-o", "plain.wav")
    assert synth("generate", "model.pt", "--length", 0.1, *setting).code == 0
    assert not np.array_equal(read("generated.wav"), read("plain.wav"))


def test_a_checkpoint_serves_as_a_model_does(synth: Synth) -> None:
    checkpoint = {
        "format": 1, "step": 3, "family": "samplernn", "model": config_to_dict(CONFIG),
        "training": {}, "data": "", "weights": small_model().state_dict(), "optimizer": {},
        "best": 1.0,
    }  # fmt: skip
    torch.save(checkpoint, "step-000000003.pt")
    synth("generate", "model.pt", "--length", 0.1, "-o", "model.wav")
    assert synth("generate", "step-000000003.pt", "--length", 0.1, "-o", "step.wav").code == 0
    assert Path("model.wav").read_bytes() == Path("step.wav").read_bytes()


def test_it_goes_on_from_a_prime(synth: Synth) -> None:
    """From the place given, at most a second of it, whole frames of it."""
    prime = np.random.default_rng(0).uniform(-0.5, 0.5, 12_345).astype(np.float32)
    soundfile.write("prime.wav", prime, RATE, subtype="FLOAT")
    arguments = ("generate", "model.pt", "--length", 0.1, "--prime", "prime.wav")
    done = synth(*arguments, "--prime-offset", 0.1)
    assert (done.code, done.err) == (0, "")
    model = small_model()
    codes = model.encode(torch.from_numpy(prime[800:8800]))
    wanted = model.decode(Generator(model).stream(prime=codes).read(800))[0].numpy()
    np.testing.assert_allclose(read("generated.wav"), wanted, atol=2**-23)
    assert synth(*arguments, "--prime-offset", 1.4).code == 0
    codes = model.encode(torch.from_numpy(prime[-1136:]))  # 71 frames of the 1145 samples left
    wanted = model.decode(Generator(model).stream(prime=codes).read(800))[0].numpy()
    np.testing.assert_allclose(read("generated.wav"), wanted, atol=2**-23)


def test_a_prime_of_another_rate_is_resampled_and_that_is_said_once(synth: Synth) -> None:
    for rate in (RATE, 44_100):
        soundfile.write(f"{rate}.wav", np.stack([tone(60, 0.5, rate)] * 2, 1), rate)
    arguments = ("generate", "model.pt", "--length", 0.1, "--num", 2, "--temperature", 0)
    done = synth(*arguments, "--prime", "44100.wav")
    assert done.code == 0
    assert done.err == "44100.wav: 44100 Hz, resampled to the model's 8000 Hz\n"
    assert synth(*arguments, "--prime", f"{RATE}.wav").err == ""


def test_a_recording_and_a_class_steer(synth: Synth) -> None:
    swell = tone(60, 0.5, RATE) * np.linspace(0, 1, RATE // 2, dtype=np.float32)
    soundfile.write("swell.wav", swell, RATE)
    sounds = {}
    for name, more in {
        "plain": (), "swell": ("--features", "swell.wav"), "metal": ("--label", "metal"),
        "wood": ("--label", "wood"),
    }.items():  # fmt: skip
        done = synth("generate", "steered.pt", *more, "-o", f"{name}.wav",
                     *(() if name == "swell" else ("--length", 0.5)))  # fmt: skip
        assert done.code == 0, done
        sounds[name] = read(f"{name}.wav").tobytes()
    assert len(read("swell.wav")) == RATE // 2, "as long as the recording"
    assert sounds["plain"] == sounds["wood"], "the first class, unless another is asked for"
    assert len(set(sounds.values())) == 3


def _refusals() -> dict[str, tuple[int, tuple[object, ...], str]]:
    made = ("generate", "model.pt", "--length", 0.1)
    return {
        "temperature": (2, (*made, "--temperature", -1), "temperature is -1.0; 0.0 … 10.0"),
        "temperature nan": (2, (*made, "--temperature", "nan"), "temperature is nan; 0.0 … 10.0"),
        "temperatures": (
            2, (*made, "--num", 3, "--temperature", "1,2"), "2 temperatures for 3 sounds",
        ),
        "top-k": (2, (*made, "--top-k", -1), "top_k is -1; 0 … 4096"),
        "top-p": (2, (*made, "--top-p", 1.1), "top_p is 1.1; 0.0 … 1.0"),
        "length": (2, ("generate", "model.pt", "--length", 0), "length is 0.0; 0.01 … 3600"),
        "num": (2, (*made, "--num", 0), "num is 0; 1 … 1024"),
        "all": (2, (*made[:2], "--num", 9, "--length", 3600), "num times length is 32400"),
        "seed": (2, (*made, "--seed", -1), "seed is -1; 0 …"),
        "offset": (2, (*made, "--prime-offset", -1), "prime_offset is -1.0; 0.0 …"),
        "device": (2, (*made, "--device", "abacus"), "known are auto, cpu, cuda"),
        "suffix": (2, (*made, "-o", "song.mp3"), "song.mp3"),
        "folder": (3, (*made, "-o", "no/a.wav"), "no folder no"),
        "model": (3, ("generate", "nowhere.pt"), "nowhere.pt: no such file"),
        "codec": (3, ("generate", "codec.pt"), "codec model generates nothing by itself"),
        "prime nowhere": (3, (*made, "--prime", "nowhere.wav"), "nowhere.wav"),
        "prime short": (
            3, (*made, "--prime", "short.wav"), "15 samples from 0.0 s on; the model needs 16",
        ),
        "prime past": (
            3, (*made, "--prime", "short.wav", "--prime-offset", 1), "short.wav: ends before 1.0 s",
        ),
        "features": (2, (*made, "--features", "short.wav"), "this model takes none"),
        "label": (2, (*made, "--label", "wood"), "this model knows none"),
        "label unknown": (
            2, ("generate", "steered.pt", "--label", "glass"), "this model knows wood, metal",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("case", _refusals())
def test_what_is_refused(synth: Synth, case: str) -> None:
    code, arguments, problem = _refusals()[case]
    torch.save(pack("codec", small_codec(), SMALL, {}, {}), "codec.pt")
    soundfile.write("short.wav", np.full(15, 0.1), RATE)
    before = sorted(Path().iterdir())
    done = synth(*arguments)
    assert done.code == code, done
    (line,) = done.err.splitlines()
    assert line.startswith("synth: ")
    assert problem in line
    assert sorted(Path().iterdir()) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_is_missed_where_it_is_asked_for(synth: Synth) -> None:
    done = synth("generate", "model.pt", "--device", "cuda")
    assert done.code == 3
    assert "use --device cpu" in done.err


def test_numbers_are_needed(synth: Synth) -> None:
    done = synth("generate", "model.pt", "--temperature", "warm")
    assert done.code == 2
    assert "numbers with commas" in done.err


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("--prime-offset", 0.5), "--prime-offset is 0.5 and there is no --prime"),
        (("--temperature", 0, "--top-k", 5), "--top-k is 5"),
        (("--temperature", "0,0", "--top-p", 0.5), "--top-p 0.5"),
    ],
)
def test_settings_that_change_nothing_are_refused(
    synth: Synth, given: tuple[object, ...], named: str
) -> None:
    done = synth("generate", "model.pt", "--length", 0.1, *given)
    assert done.code == 2
    assert named in done.err
    assert not Path("generated.wav").exists()
