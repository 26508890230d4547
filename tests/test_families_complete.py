"""A family is complete: folders, rows, documentation; it trains a step, exports, and plays.

Who adds a family sees here what is missing. Families are taken from the folders of
`synth/models/`, so that one without a row is found, too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from builders import tone
from torch import Tensor

from export.export_model import export_model
from export.families import EXPORT
from realtime.engine.settings import EngineSettings
from realtime.match.proposals import Proposer
from realtime.namespace.event import NOW, Event
from realtime.plugins.rack import build_engine
from synth.contract import MatcherManifest
from synth.models import FAMILIES
from training.families import TRAINING
from training.planning import plan_run
from training.train import train

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = sorted(p.parent.name for p in (ROOT / "synth" / "models").glob("*/__init__.py"))
STEPS = {"steps": 1, "eval_every": 1, "threads": 1}


@pytest.mark.parametrize("family", FOLDERS)
def test_a_family_has_a_row_in_every_table_and_a_folder_in_every_wing(family: str) -> None:
    assert family in FAMILIES, "synth/models/__init__.py"
    assert family in TRAINING, "training/families.py"
    assert family in EXPORT, "export/families.py"
    assert FAMILIES[family].presets, "a preset to start from"
    for wing in ("training", "export"):
        assert (ROOT / wing / family / "__init__.py").is_file()
    for wing in ("models", "training", "export"):
        assert list((ROOT / "tests" / wing).rglob(f"*{family}*")), f"tests of {wing}"


def test_the_tables_name_the_same_families() -> None:
    assert list(FAMILIES) == list(TRAINING) == list(EXPORT)
    assert sorted(FAMILIES) == FOLDERS


@pytest.mark.parametrize("family", FOLDERS)
def test_a_family_is_documented(family: str) -> None:
    """A page in the table of docs/README.md shows how it is trained, and README does."""
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {p.name: p.read_text() for p in (ROOT / "docs").glob("*.md") if f"({p.name})" in index}
    assert any(f"synth train {family} " in text for text in pages.values())
    assert f"synth train {family} " in (ROOT / "README.md").read_text()
    assert f"`{family}`" in pages["format.md"]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four notes of a second."""
    folder = tmp_path_factory.mktemp("recordings")
    for key in (55, 58, 61, 64):
        soundfile.write(folder / f"pipe_{key:03d}.wav", tone(key, 1.5, 16_000), 16_000)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("family", FOLDERS)
def test_a_family_trains_a_step_exports_and_plays(
    recordings: Path, tmp_path: Path, family: str
) -> None:
    """With its smallest preset; in every form, through the engine that plays live."""
    presets = FAMILIES[family].presets
    smallest = min(presets, key=lambda p: sum(w.numel() for w in weights(family, p)))
    plan = plan_run(family, recordings, preset=smallest, flags=STEPS, cache=tmp_path / "cache")
    done = train(plan, tmp_path / "run", quiet=True)
    assert (done.step, done.stopped_by) == (1, "")
    for form in EXPORT[family].forms:
        (made,) = export_model(done.model, form=form.name, name=f"{family}_{form.name}")
        if isinstance(made.manifest, MatcherManifest):
            proposed = Proposer(made.path).propose(np.zeros(12_000, np.float32), 3)
            assert np.isfinite(proposed.values).all(), "it proposes"
            continue
        engine = build_engine(EngineSettings((str(made.path),), voices=2))
        engine.schedule(Event(NOW, "/note/on", (60.0, 100.0)))
        frames = 12_000
        noise = np.random.default_rng(0).normal(0, 0.1, (1, frames)).astype(np.float32)
        sound = engine.render(frames, noise if engine.channels_in else None)
        stats = engine.stats()
        engine.close()
        assert sound.shape == (2, frames)
        assert np.abs(sound).max() > 0, "it sounds"
        assert (stats["plugin_errors"], stats["muted_hops"]) == (0, 0)


def weights(family: str, preset: str) -> list[Tensor]:
    row = FAMILIES[family]
    return list(row.build(row.presets[preset]).parameters())
