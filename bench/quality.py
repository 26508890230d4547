"""Measure how close a trained codec comes to held-out audio, beside well-known codecs.

    python -m training.recipes.codec RECIPE
    python bench/quality.py runs/mine/model.pt RECIPE/held

Rows: the trained codec with its latent continuous and quantised, the same codec untrained, and the
same audio through Opus and MP3 (ffmpeg). Figures: multi-scale mel distance in dB, SI-SDR in dB.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from export.checkpoint import load_package
from synth.contract import find_audio, read_audio
from synth.models.codec import Codec
from training.measures.metrics import make_metric_mel, mel_distance_db, si_sdr_db

CODECS = {"opus": ("libopus", ".ogg"), "mp3": ("libmp3lame", ".mp3")}


def through_ffmpeg(audio: Tensor, rate: int, codec: str, kbps: int) -> Tensor:
    """`[1, samples]` encoded and decoded again, aligned by cross-correlation."""
    encoder, suffix = CODECS[codec]
    raw = audio[0].numpy().astype("<f4")
    source = ["-f", "f32le", "-ar", str(rate), "-ac", "1"]
    with tempfile.TemporaryDirectory() as folder:
        packed = str(Path(folder) / f"packed{suffix}")
        quiet = ["ffmpeg", "-v", "error", "-y"]
        pack = [*quiet, *source, "-i", "-", "-c:a", encoder, "-b:a", f"{kbps}k", packed]
        subprocess.run(pack, input=raw.tobytes(), check=True)
        unpack = [*quiet, "-i", packed, *source, "-"]
        done = subprocess.run(unpack, capture_output=True, check=True)
    return torch.from_numpy(aligned(np.frombuffer(done.stdout, "<f4"), raw))[None]


def aligned(made: np.ndarray, meant: np.ndarray) -> np.ndarray:
    """`made`, shifted to match `meant` best and cut or padded to its length."""
    size = 1 << (len(made) + len(meant)).bit_length()
    spectrum = np.fft.rfft(made, size) * np.conj(np.fft.rfft(meant, size))
    lag = int(np.fft.irfft(spectrum).argmax())
    lag = lag - size if lag > size // 2 else lag
    shifted = made[lag:] if lag >= 0 else np.pad(made, (-lag, 0))
    return np.pad(shifted, (0, max(0, len(meant) - len(shifted))))[: len(meant)].copy()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    package = load_package(options.model)
    codec = package.model
    assert isinstance(codec, Codec)
    rate, config = codec.config.sample_rate, codec.config
    torch.manual_seed(0)
    untrained = Codec(config).eval()
    bits = config.levels * np.log2(config.codebook_size) * rate / config.hop / 1000
    rows: dict[str, Callable[[Tensor], Tensor]] = {
        "codec, continuous": lambda x: codec.decode(codec.encode(x[None]))[0, :, : x.shape[1]],
        f"codec, {bits:.0f} kb/s": lambda x: codec(x[None]).audio[0],
        "codec, untrained": lambda x: untrained(x[None]).audio[0],
    }
    for name, kbps in (("opus", 12), ("opus", 32), ("mp3", 32)):
        rows[f"{name}, {kbps} kb/s"] = lambda x, n=name, k=kbps: through_ffmpeg(x, rate, n, k)
    mel = make_metric_mel(rate)
    clips = [torch.from_numpy(read_audio(f)[0]) for f in find_audio(options.folder)]
    print(f"{len(clips)} files, {sum(c.shape[1] for c in clips) / rate:.0f} s, {rate} Hz")
    for title, process in rows.items():
        with torch.inference_mode():
            made = [process(clip) for clip in clips]
            mels = [
                mel_distance_db(mel(m[None]), mel(c[None]))
                for m, c in zip(made, clips, strict=True)
            ]
            sdrs = [si_sdr_db(m, c) for m, c in zip(made, clips, strict=True)]
        print(f"  {title:20} mel distance {np.mean(mels):6.2f} dB   SI-SDR {np.mean(sdrs):6.1f} dB")


if __name__ == "__main__":
    main()
