"""The table of families that can be exported: every row is complete, and is all that is asked."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from builders import small_codec, tone
from click.testing import CliRunner
from inr_sines import small_inr
from timbre_sines import space
from torch import nn

import export
from export.export_model import export_model
from export.families import EXPORT, all_forms, options_named
from export.flags import form_help, format_help, generating_families, option_flags
from export.generate_audio import generate_audio
from export.row import SUFFIXES, Option
from export.torchscript.archive import load
from realtime.match.proposals import read_matcher
from realtime.plugins.onnx.file import read_instrument
from synth.cli.export import export as export_command
from synth.contract import METADATA_KEY, ConfigError, DataError, Manifest, ModelFileError
from synth.models import FAMILIES
from synth.models.inverse import PRESETS, Inverse
from synth.models.package import pack
from synth.models.samplernn import SampleRNN, SampleRNNConfig

FORMS = [(family, form.name) for family, form in all_forms()]
FORMATS = [(family, form.name, name) for family, form in all_forms() for name in form.formats]
OPTIONS = [(family, form.name, o) for family, form in all_forms() for o in form.options]


def tiny_samplernn() -> SampleRNN:
    torch.manual_seed(0)
    config = SampleRNNConfig(hidden_size=16, rnn_layers=1, embed_size=4, quantization=16)
    return SampleRNN(config).eval()


# One small model of each family.
MODELS: dict[str, Callable[[], nn.Module]] = {
    "codec": small_codec,
    "samplernn": tiny_samplernn,
    "inr": lambda: small_inr(width=8, depth=2, sounds=3),
    "timbre": space,
    "inverse": lambda: Inverse(PRESETS["tiny"]),
}


@pytest.fixture
def model(tmp_path: Path) -> Callable[[str], Path]:
    """`model(FAMILY)`: its `model.pt`, trained on two recordings that still lie there."""
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for key in (55, 60):
        soundfile.write(sounds / f"pipe_{key:03d}.wav", tone(key, 1.0, 24_000), 24_000)

    def write(family: str) -> Path:
        made: Any = MODELS[family]()
        path = tmp_path / "run" / "model.pt"
        path.parent.mkdir(exist_ok=True)
        torch.save(pack(family, made, made.config, {}, {"data": {"path": str(sounds)}}), path)
        return path

    return write


def other_value(option: Option) -> Any:
    """A value in range that isn't the option's default."""
    if option.choices:
        return next(c for c in option.choices if c != option.default)
    return option.type("sounds") if option.minimum is None else option.type(option.minimum)


def test_every_family_can_be_exported() -> None:
    assert list(EXPORT) == list(FAMILIES) == list(MODELS)


@pytest.mark.parametrize(("family", "form", "format"), FORMATS)
def test_every_form_is_made_in_every_format(
    model: Callable[[str], Path], family: str, form: str, format: str
) -> None:
    """Proved, with a manifest that says what it is, and nothing of this machine."""
    (made,) = export_model(model(family), form=form, format=format, name="tiny")
    assert made.path.name == f"tiny{SUFFIXES[format]}"
    data = made.path.read_bytes()
    assert made.size == len(data)
    if form == "matcher":  # proposes patches, plays nothing, and is rounded to half precision
        found = read_matcher(made.path)
        assert found == made.manifest
        assert found.provenance["graph_parity"] <= 1e-4
        assert found.provenance["versions"].keys() >= {"synth", "torch", "python"}
        assert str(made.path.parent.parent).encode() not in data
        return
    if format == "onnx":
        _, found = read_instrument(made.path)
    else:
        load(made.path)
        with zipfile.ZipFile(made.path) as archive:
            (text,) = [n for n in archive.namelist() if n.endswith(f"extra/{METADATA_KEY}")]
            found = Manifest.from_json(archive.read(text).decode())
    assert found == made.manifest
    assert (found.name, found.family) == ("tiny", family)
    assert found.kind == ("effect" if form == "effect" else "generator")
    assert found.provenance["parity"] <= 1e-4
    assert found.provenance["versions"].keys() >= {"synth", "torch", "python"}
    assert "path" not in found.provenance["data"]
    assert str(made.path.parent.parent).encode() not in data


def test_a_damaged_recording_is_told_and_the_rest_exported(
    model: Callable[[str], Path], tmp_path: Path
) -> None:
    """On stderr, once, with its reason; whether a sound loops stands in the manifest."""
    path = model("codec")
    (tmp_path / "sounds" / "bad_C4.wav").write_bytes(b"RIFF")
    done = CliRunner().invoke(export_command, [str(path), "--as", "sampler", "--name", "tiny"])
    assert done.exit_code == 0
    assert done.stderr.count("left out: ") == 1
    assert "bad_C4.wav: " in done.stderr
    assert "differs from the model by" in done.stdout
    _, found = read_instrument(path.parent / "tiny.onnx")
    assert found.sounds == ("pipe",)
    assert found.provenance["sounds"].keys() == {"pipe"}


@pytest.mark.parametrize(("family", "form", "option"), OPTIONS)
def test_options_are_explained_and_kept_in_range(family: str, form: str, option: Option) -> None:
    assert option.help
    assert (option.type in (int, float)) == (option.minimum is not None)
    assert (option.type is str) == bool(option.choices)
    (chosen,) = [f for f in EXPORT[family].forms if f.name == form]
    assert set(option.formats) <= set(chosen.formats)
    if option.default is not None:
        option.check(option.default)
        assert type(option.default) is option.type
    else:
        assert option.default_help, "people are told what happens without it"
    if option.minimum is not None and option.maximum is not None:
        for value in (option.minimum - 1, option.maximum + 1, float("nan")):
            with pytest.raises(ConfigError, match=option.flag):
                option.check(value)


@pytest.mark.parametrize(("family", "form"), FORMS)
def test_what_a_form_does_not_have_is_refused(
    model: Callable[[str], Path], family: str, form: str
) -> None:
    """Options of other forms, formats of other forms and forms of other families."""
    path = model(family)
    before = sorted(path.parent.iterdir())
    (chosen,) = [f for f in EXPORT[family].forms if f.name == form]
    own = {option.name for option in chosen.options}
    for option in {o.name: o for _, _, o in OPTIONS if o.name not in own}.values():
        with pytest.raises(ConfigError, match=f"{option.flag} .* {family} {form}s; leave it out"):
            export_model(path, form=form, **{option.name: other_value(option)})
    for format in set(SUFFIXES) - set(chosen.formats):
        with pytest.raises(ConfigError, match=f"a {family} {form} is exported as onnx; {format}"):
            export_model(path, form=form, format=format)
    for name in {name for _, name in FORMS} - {f.name for f in EXPORT[family].forms}:
        with pytest.raises(ModelFileError, match=f"family {family} has no {name} export; it has"):
            export_model(path, form=name)
    assert sorted(path.parent.iterdir()) == before, "nothing was written"


def test_a_default_may_be_given_where_it_says_nothing(model: Callable[[str], Path]) -> None:
    assert export_model(model("codec"), weights="fp32")


def test_an_option_that_a_format_does_not_heed_is_refused(model: Callable[[str], Path]) -> None:
    for format in ("torchscript", "all"):
        with pytest.raises(ConfigError, match="--weights int8 is for --format onnx"):
            export_model(model("inr"), weights="int8", format=format)


def test_values_are_judged_before_the_model_is_read() -> None:
    for options, problem in (
        ({"max_seconds": 0.0}, "--max-seconds is 0.0; 0.1 … 600"),
        ({"weights": "int4"}, "--weights is 'int4'; known are fp32, int8, fp16"),
        ({"sample_rate": 100}, "--sample-rate is 100; 4000 … 384000"),
        ({"colour": 1}, "colour is not an option of any export"),
    ):
        with pytest.raises(ConfigError, match=problem):
            export_model("nowhere.pt", **options)


def test_a_file_that_can_not_be_written_is_named(model: Callable[[str], Path]) -> None:
    path = model("codec")
    (path.parent / "run.onnx").mkdir()
    with pytest.raises(DataError, match=r"run\.onnx: can.t be written"):
        export_model(path)


def test_threads_are_as_many_as_before(model: Callable[[str], Path]) -> None:
    torch.set_num_threads(2)
    try:
        export_model(model("codec"))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_flags_are_those_of_the_rows() -> None:
    flags = {flag.name: flag for flag in option_flags()}
    assert list(flags) == list(dict.fromkeys(option.name for _, _, option in OPTIONS))
    for name, flag in flags.items():
        for owner, option in options_named(name).items():
            assert owner in flag.help
            assert option.help in flag.help
            assert option.type is flag.type, "one flag has one type"
    assert all(f"{family}" in form_help() for family in EXPORT)
    assert all(name in format_help() for name in SUFFIXES)


@pytest.mark.parametrize("family", EXPORT)
def test_the_row_says_who_generates(
    model: Callable[[str], Path], family: str, tmp_path: Path
) -> None:
    out, settings = tmp_path / "take.wav", {"length": 0.05, "temperature": (1.0,)}
    assert (family in generating_families()) == (EXPORT[family].generate is not None)
    if EXPORT[family].generate is None:
        with pytest.raises(ModelFileError, match="generates nothing by itself; `synth export`"):
            generate_audio(model(family), out, settings)
    else:
        assert generate_audio(model(family), out, settings) == [out]
        assert np.abs(soundfile.read(out)[0]).max() > 0


@pytest.mark.parametrize("command", ["export", "generate"])
def test_help_loads_no_torch(command: str) -> None:
    code = (
        "import sys; from synth.cli import main\n"
        f"try: main([{command!r}, '--help'])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "sys.exit(bool({'torch', 'onnx', 'onnxruntime'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_family_is_known_to_its_folder_and_to_the_table_alone() -> None:
    """Shared code names no family and asks nobody what it is."""
    (folder,) = export.__path__
    apart = {*EXPORT, "families.py"}
    shared = [f for f in Path(folder).rglob("*.py") if f.relative_to(folder).parts[0] not in apart]
    assert len(shared) > 12
    for file in shared:
        nodes = list(ast.walk(ast.parse(file.read_text())))
        texts = {n.value for n in nodes if isinstance(n, ast.Constant)}
        assert not texts & set(EXPORT), f"{file} names a family"
        imported = {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)}
        assert not [m for m in imported if set(m.split(".")) & set(EXPORT)], f"{file} imports one"
