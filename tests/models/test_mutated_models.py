"""Any file given as a model is a model or is refused in one line: foreign ones, mutated ones."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from builders import effect_bytes

from export.checkpoint import load_package
from synth.contract import ModelFileError
from synth.models import FAMILIES
from synth.models.codec import CodecConfig
from synth.models.inr import INRConfig
from synth.models.inverse import InverseConfig
from synth.models.package import Package, pack
from synth.models.samplernn import SampleRNNConfig
from synth.models.timbre import TimbreConfig

TURNS = 500
SMALLEST: dict[str, Any] = {
    "codec": CodecConfig(
        channels=2, strides=(2,), dilations=(), kernel=3, latent_dim=4, levels=2, codebook_size=8
    ),
    "samplernn": SampleRNNConfig(frame_sizes=(4,), hidden_size=8, rnn_layers=1, embed_size=4),
    "inr": INRConfig(num_latent=4, width=8, depth=2, branches=1),
    "timbre": TimbreConfig(
        maximum_hz=10_000.0, resolution=2, latent_dims=2, hidden_dims=4, hidden_layers=1,
        anchor_frames=2, instruments=("a", "b"), dynamics=("f",), anchor_instruments=(0, 1),
        anchor_keys=(60.0, 64.0), anchor_dynamics=(0, 0),
    ),
    "inverse": InverseConfig(
        sample_rate=8_000, bands=8, window=256, hop=4_096, dim=4, widths=(8,), depths=(0,),
        projection=(4,), flow="plain", flow_width=4, flow_depth=1,
    ),
}  # fmt: skip


def whole(family: str) -> bytes:
    """A `model.pt` of a family."""
    torch.manual_seed(0)
    config = SMALLEST[family]
    told = {"steps": 3, "licence": "CC0", "data": {"path": "x", "fingerprint": "y"}}
    buffer = io.BytesIO()
    torch.save(pack(family, FAMILIES[family].build(config), config, {}, told), buffer)
    return buffer.getvalue()


def mutated(data: bytes, count: int) -> Iterator[bytes]:
    """Bytes that were changed, cut off, cut out and put in, the pickle's most of all; seeded."""
    draw = random.Random(0)
    pickle = data.index(b"data.pkl") + 8
    for turn in range(count):
        new = bytearray(data)
        place = draw.randrange(len(data))
        match turn % 6:
            case 0:
                del new[place:]
            case 1:
                del new[place : place + draw.randrange(1, 200)]
            case 2:
                new[place:place] = draw.randbytes(draw.randrange(1, 100))
            case 3:
                for _ in range(draw.choice((1, 3, 20))):
                    new[draw.randrange(len(data))] = draw.randrange(256)
            case _:
                for _ in range(draw.choice((1, 2, 4))):
                    new[min(pickle + draw.randrange(3000), len(data) - 1)] = draw.randrange(256)
        yield bytes(new)


@pytest.mark.parametrize("family", FAMILIES)
def test_mutations_are_refused_in_one_line(tmp_path: Path, family: str) -> None:
    path = tmp_path / "model.pt"
    said: list[str] = []
    for data in mutated(whole(family), TURNS):
        path.write_bytes(data)
        try:
            package = load_package(path)
        except ModelFileError as error:
            said.append(str(error))
        else:
            assert isinstance(package, Package)
    assert len(said) > TURNS // 2
    for text in said:
        assert text.startswith(f"{path}: ")
        assert "\n" not in text
        assert len(text) < 400 + len(str(path))


def _wav() -> bytes:
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 236, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000,
                       2, 16, b"data", 200)  # fmt: skip
    return head + bytes(200)


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("song.txt", "la la")
    return buffer.getvalue()


def _saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


FOREIGN: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"hello",
    "wav": _wav,
    "onnx": effect_bytes,
    "zip": _zip,
    "zip's head": lambda: b"PK\x03\x04",
    "tar": lambda: b"model.pt".ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0") + bytes(1024),
    "number": lambda: _saved(3),
    "tensor": lambda: _saved(torch.zeros(3)),
    "weights alone": lambda: _saved({"weight": torch.zeros(3)}),
    "list": lambda: _saved([{"format": 1}]),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files_are_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(FOREIGN[kind]())
    with pytest.raises(ModelFileError, match=r"model\.pt: ") as caught:
        load_package(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["", "/dev/zero", "/dev/null", "a\0b"])
def test_what_is_no_file_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(ModelFileError, match=r"no file|no such file|not a readable"):
        load_package(tmp_path / place)


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "format a tensor": lambda d: d.update(format=torch.zeros(3)),
    "family a tensor": lambda d: d.update(family=torch.zeros(3)),
    "config's key a number": lambda d: d["config"].update({3: 4}),
    "config too deep": lambda d: d["config"].update(hidden_size=1 << 40, latent_dim=1 << 40),
    "weights a number": lambda d: d.update(weights=3),
    "weights' key a number": lambda d: d["weights"].update({3: torch.zeros(1)}),
    "steps a text": lambda d: d["provenance"].update(steps="many"),
    "data a text": lambda d: d["provenance"].update(data="mine"),
    "provenance a tensor": lambda d: d["provenance"].update(x=torch.zeros(2)),
    "provenance's key": lambda d: d["provenance"].update({(1, 2): 3}),
    "provenance a number": lambda d: d.update(provenance=3),
    "latent of bool": lambda d: d.update(latent=dict.fromkeys(("mean", "axes", "low", "high"), 1)),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("change", CHANGES)
def test_data_of_other_types_is_refused_in_one_line(
    tmp_path: Path, family: str, change: str
) -> None:
    data = torch.load(io.BytesIO(whole(family)), weights_only=True)
    CHANGES[change](data)
    path = tmp_path / "model.pt"
    torch.save(data, path)
    with pytest.raises(ModelFileError, match=r"model\.pt: ") as caught:
        load_package(path)
    assert "\n" not in str(caught.value)
