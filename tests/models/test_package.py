"""`model.pt`: what is packed comes back; what does not fit is refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from export.checkpoint import load_package
from synth.contract import ModelFileError
from synth.models.codec import Codec, CodecConfig
from synth.models.package import pack, unpack

CONFIG = CodecConfig(channels=2, strides=(2,), dilations=(), kernel=3, latent_dim=4, levels=2)
LATENT = {
    "mean": torch.arange(4.0),
    "axes": torch.eye(4),
    "low": -torch.ones(4),
    "high": torch.ones(4),
}


def packed() -> dict[str, Any]:
    torch.manual_seed(0)
    return pack("codec", Codec(CONFIG), CONFIG, LATENT, {"licence": "CC0"})


def test_round_trip_through_a_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Codec(CONFIG).eval()
    path = tmp_path / "model.pt"
    torch.save(pack("codec", model, CONFIG, LATENT, {"licence": "CC0"}), path)
    package = load_package(path)
    x = torch.randn(1, 1, 32)
    assert torch.equal(package.model(x).audio, model(x).audio)
    assert package.config == CONFIG
    assert not package.model.training
    assert package.provenance == {"licence": "CC0"}
    assert all(torch.equal(package.latent[k], LATENT[k]) for k in LATENT)


def test_packing_takes_a_copy() -> None:
    model = Codec(CONFIG)
    data = pack("codec", model, CONFIG, {}, {})
    before = {k: v.clone() for k, v in data["weights"].items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert all(torch.equal(data["weights"][k], v) for k, v in before.items())
    assert unpack(data).latent == {}


def broken(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    data = packed()
    change(data)
    return data


NAN = torch.full((4,), float("nan"))
FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no weights": (lambda d: d.pop("weights"), "no model.pt"),
    "newer": (lambda d: d.update(format=2), "model format 2; 1 is known"),
    "family": (lambda d: d.update(family="organ"), "'organ' is unknown; known are codec"),
    "setting": (lambda d: d["config"].update(stride=2), "unknown setting 'stride'"),
    "range": (lambda d: d["config"].update(levels=99), "levels is 99"),
    "config": (lambda d: d.update(config=[1, 2]), "don't fit"),
    "too big": (lambda d: d["config"].update(codebook_size=65_536, latent_dim=1024), "needs shape"),
    "missing": (lambda d: d["weights"].pop("bottleneck.codebooks"), "codebooks.*got nothing"),
    "surplus": (lambda d: d["weights"].update(extra=torch.ones(1)), "extra"),
    "no tensor": (lambda d: d["weights"].update({"bottleneck.counts": 3}), "counts.*got nothing"),
    "no mapping": (lambda d: d.update(weights=[1]), "don't fit"),
    "nan": (lambda d: d["weights"]["bottleneck.sums"].fill_(float("nan")), "sums.*not finite"),
    "nan latent": (lambda d: d["latent"].update(mean=NAN), "mean.*not finite"),
    "half latent": (lambda d: d["latent"].pop("axes"), "latent statistics need"),
    "latent shape": (lambda d: d["latent"].update(axes=torch.eye(3)), "axes needs shape"),
    "latent list": (lambda d: d.update(latent=[1]), "no mapping"),
    "latent number": (lambda d: d["latent"].update(low=1), "latent statistics need"),
    "provenance": (lambda d: d.update(provenance="me"), "no mapping"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_refused_in_one_line(fault: str) -> None:
    change, message = FAULTS[fault]
    with pytest.raises(ModelFileError, match=message) as caught:
        unpack(broken(change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [None, 3, [], {}, "model", {"weights": {}}])
def test_anything_else_is_no_model(data: object) -> None:
    with pytest.raises(ModelFileError, match=r"no model\.pt"):
        unpack(data)


class Program:
    """Pickled, it would run `print` when loaded."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return print, ("the file has run a program",)


def test_unreadable_files_are_named_and_no_program_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tmp_path / "whole.pt"
    torch.save(packed(), whole)
    (tmp_path / "half.pt").write_bytes(whole.read_bytes()[:2000])
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "text.pt").write_text("hello")
    torch.save({**packed(), "provenance": Program()}, tmp_path / "program.pt")
    for name in ("half", "empty", "text", "program", "missing"):
        path = tmp_path / f"{name}.pt"
        with pytest.raises(ModelFileError, match=f"{name}.pt") as caught:
            load_package(path)
        assert "\n" not in str(caught.value)
    assert "has run a program" not in capsys.readouterr().out


def test_provenance_becomes_plain_data() -> None:
    """torch's version is a class of its own; a file with one in it could not be read again."""
    packed = pack("codec", Codec(CONFIG), CONFIG, {}, {"versions": {"torch": torch.__version__}})
    assert type(packed["provenance"]["versions"]["torch"]) is str
