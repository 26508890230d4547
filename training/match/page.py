"""The page that shows targets and what was found for them, side by side, in one file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
import soundfile
from torch import Tensor

from synth.models.inverse.voices import Voice
from training.match.distances import DISTANCES
from training.match.pictures import spectrogram_png
from training.match.results import Match, Outcome

DIFFERING = 12  # knobs shown, the most different first
TITLES = {
    "multi_scale_spectral": "multi-scale spectral, dB",
    "mel_l1": "mel L1, dB",
    "warped_mfcc": "warped MFCC",
    "spectral_optimal_transport": "spectral optimal transport",
    "rms_cosine": "RMS cosine (1 is best)",
}
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1080px; padding: 0 1em;
  color: #222; background: #fff; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818; } }
section { margin: 0 0 3em; }
.row { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 1.2em; }
figure { margin: 0; min-width: 0; } figure img { width: 100%; height: 140px; }
audio { width: 100%; } table { border-collapse: collapse; margin: .6em 0; }
td, th { padding: .15em .7em; text-align: right; border-bottom: 1px solid #8884; }
td:first-child, th:first-child { text-align: left; white-space: nowrap; }
.remark { color: #b06000; }
"""


def page(results: Sequence[Outcome], voice: Voice, title: str) -> str:
    """A page of HTML that holds all its pictures and sounds.

    Args:
        results: one for each target.
        voice: that plays the patches.
        title: of the page.
    """
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>"
    )
    parts = [head, f"<h1>{html.escape(title)}</h1>"]
    if len(results) > 1:
        parts.append(_overview(results))
    parts += [_section(result, voice, i) for i, result in enumerate(results)]
    return "".join([*parts, "</body></html>\n"])


def _overview(results: Sequence[Outcome]) -> str:
    rows = [
        [f'<a href="#t{i}">{html.escape(r.target.name)}</a>', *_figures(r.matches[0])]
        for i, r in enumerate(results)
    ]
    return _table(["target", *TITLES.values()], rows)


def _section(result: Outcome, voice: Voice, number: int) -> str:
    target = result.target
    pitch = f"key {target.key:.2f}" if target.has_key else "no pitch"
    stopped = "; stopped early" if result.stopped else ""
    told = (
        f"{pitch}, {target.seconds:.2f} s; searched {result.seconds:.1f} s, from"
        f" {result.first:.2f} to {result.matches[0].distances['multi_scale_spectral']:.2f} dB"
        f"{stopped}"
    )
    remarks = "".join(f'<p class="remark">{html.escape(r)}</p>' for r in target.remarks)
    sounds = [_sound("target", result.meant, voice.sample_rate)]
    for i, match in enumerate(result.matches):
        sounds.append(_sound(_rank(i), match.audio, voice.sample_rate))
    figures = [[_rank(i), *_figures(m), f"{m.gain_db:+.1f}"] for i, m in enumerate(result.matches)]
    return (
        f'<section id="t{number}"><h2>{html.escape(target.name)}</h2><p>{told}</p>{remarks}'
        f'<div class="row">{"".join(sounds)}</div>'
        f"{_table(['patch', *TITLES.values(), 'gain, dB'], figures)}"
        f"{_differing(result.matches, voice)}</section>"
    )


def _rank(i: int) -> str:
    return "patch" if i == 0 else f"patch {i + 1}"


def _figures(match: Match) -> list[str]:
    return [f"{match.distances[name]:.3g}" for name in DISTANCES]


def _differing(matches: Sequence[Match], voice: Voice) -> str:
    """The knobs in which the patches differ most, with their values."""
    if len(matches) < 2:
        return ""
    units = np.stack([m.patch.units(voice)[0].numpy() for m in matches])
    widest = np.argsort(-np.ptp(units, 0))[:DIFFERING]
    rows = []
    for i in widest:
        parameter = voice.parameters_[int(i)]
        name = html.escape(parameter.name + (f", {parameter.unit}" if parameter.unit else ""))
        rows.append([name, *(f"{m.patch.values[parameter.name]:.4g}" for m in matches)])
    heads = ["knobs that differ most", *(_rank(i) for i in range(len(matches)))]
    return _table(heads, rows)


def _sound(title: str, audio: Tensor, sample_rate: int) -> str:
    picture = _data("image/png", spectrogram_png(audio, sample_rate))
    file = io.BytesIO()
    peak = max(1.0, float(audio.abs().max()) / 0.999)
    soundfile.write(file, (audio / peak).numpy(), sample_rate, format="FLAC", subtype="PCM_16")
    return (
        f"<figure><figcaption>{title}</figcaption>"
        f'<img alt="spectrogram of {title}" src="{picture}">'
        f'<audio controls src="{_data("audio/flac", file.getvalue())}"></audio></figure>'
    )


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{h}</th>" for h in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
