"""torchaudio's Python parts work whether or not its compiled extension can be loaded."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

from synth.contract import SynthError
from training.measures.torchaudio_loader import load_torchaudio

RATE = 16_000


def tone(frequency_hz: float, rate: int, seconds: float = 1.0) -> torch.Tensor:
    time = torch.arange(int(rate * seconds)) / rate
    return torch.sin(2 * math.pi * frequency_hz * time)


def extension_loaded() -> bool:
    module = sys.modules["torchaudio._extension"]
    return bool(getattr(module, "_IS_TORCHAUDIO_EXT_AVAILABLE", False))


def test_mel_spectrogram_puts_a_tone_in_its_band() -> None:
    torchaudio = load_torchaudio()
    mel = torchaudio.transforms.MelSpectrogram(RATE, n_fft=1024, n_mels=64, f_max=8000.0)
    band = int(mel(tone(1000.0, RATE)).mean(-1).argmax())
    centres = torchaudio.functional.melscale_fbanks(513, 0.0, 8000.0, 64, RATE).argmax(0)
    assert abs(float(centres[band]) * RATE / 1024 - 1000.0) < 60.0


def test_resampling_keeps_what_fits_and_drops_what_does_not() -> None:
    resample = load_torchaudio().functional.resample
    kept = resample(tone(1000.0, 48_000), 48_000, RATE)
    assert kept.shape == (RATE,)
    assert float((kept - tone(1000.0, RATE))[500:-500].abs().max()) < 0.01
    assert float(resample(tone(12_000.0, 48_000), 48_000, RATE)[500:-500].abs().max()) < 0.01


def test_datasets_are_there(tmp_path: object) -> None:
    datasets = load_torchaudio().datasets
    with pytest.raises(RuntimeError, match="not found"):
        datasets.YESNO(str(tmp_path), download=False)


def test_filters_without_the_extension_run_in_python() -> None:
    torchaudio = load_torchaudio()
    impulse = torch.zeros(64)
    impulse[0] = 1.0
    decay = torchaudio.functional.lfilter(
        impulse, torch.tensor([1.0, -0.5]), torch.tensor([1.0, 0.0]), clamp=False
    )
    torch.testing.assert_close(decay, 0.5 ** torch.arange(64.0))


def test_same_module_twice_and_flag_agrees() -> None:
    torchaudio = load_torchaudio()
    assert load_torchaudio() is torchaudio
    assert extension_loaded() == hasattr(torch.ops._torchaudio, "is_align_available")
    if not extension_loaded():
        with pytest.raises(SynthError, match="compiled extension"):
            torchaudio.functional.forced_align(torch.zeros(1, 4, 3), torch.ones(1, 2))


def test_the_door_itself_costs_no_import() -> None:
    code = (
        "import sys, training.measures.torchaudio_loader as r;"
        "assert not {'torch', 'torchaudio'} & set(sys.modules);"
        "sys.modules['torchaudio'] = None\n"  # as if it were not installed
        "try: r.load_torchaudio()\n"
        "except r.SynthError as error: assert '[train]' in str(error)\n"
        "else: raise SystemExit(1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
