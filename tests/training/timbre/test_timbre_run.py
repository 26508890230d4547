"""Runs of timbre training: they resume exactly, have two phases, and every argument acts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner
from rich.console import Console
from space_rig import INSTRUMENTS, KEYS, QUICK, VELOCITIES, plan, write_notes

from synth.cli.train import family_command
from synth.contract import ConfigError, DataError, DeviceError, ModelFileError
from synth.models.package import Package, read_tensors, unpack
from training.dry_run import dry_run_report
from training.planning import plan_run
from training.run.family import Span
from training.run.folder import Resumed, open_folder
from training.run.plan import plan_as_dict
from training.run.trainer import build_task, require_devices
from training.timbre.config import REGULARIZATIONS, TimbrePlan, run_folder
from training.timbre.frames.material import material
from training.timbre.learning.task import TimbreTask
from training.timbre.monitor.evaluation import figures, passed
from training.timbre.parts import TIMBRE
from training.train import train


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_notes(tmp_path_factory.mktemp("space") / "notes")


def trained(made: TimbrePlan, out: Path) -> Package:
    train(made, out, quiet=True)
    return opened(out)


def opened(out: Path) -> Package:
    with (out / "model.pt").open("rb") as file:
        return unpack(read_tensors(file))


def stepped(made: TimbrePlan, steps: int) -> TimbreTask:
    """A task after some plain gradient steps, without Lightning."""
    task: TimbreTask = build_task(TIMBRE.task, made)  # type: ignore[arg-type]
    optimizer = torch.optim.SGD(task.model.parameters(), 1e-4)
    for batch in TIMBRE.stream(made, Span(0, steps)):
        torch.manual_seed(task.step)
        total, found = task.measure(batch)
        task.losses = {name: loss.detach() for name, loss in found.items()}
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        task.step += 1
    return task


def test_a_run_writes_a_model_with_anchors_ratings_and_statistics(
    notes: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "plot_reconstructions": True, "plot_latentspace": True, "plot_statistics": True,
    }  # fmt: skip
    package = trained(plan(notes, **settings), tmp_path / "run")
    model, config = package.model, package.config
    assert config.instruments == tuple(INSTRUMENTS)
    assert config.dynamics == ("pp", "ff")
    assert len(config.anchor_keys) == len(model.anchors) > len(INSTRUMENTS)
    assert bool((model.anchor_times.diff() > 0).all())
    assert bool((model.anchors.std(1) > 0).any())
    assert bool(((model.anchor_levels >= -120) & (model.anchor_levels < 0)).all())
    assert float(model.anchor_levels.max()) > -40
    assert set(package.latent) == {"mean", "axes", "low", "high"}
    told = package.provenance["perception"]
    assert told["ratings"]["names"] == list(INSTRUMENTS)
    assert len(told["positions"]) == len(INSTRUMENTS)
    drawn = {path.name.split("-")[0] for path in (tmp_path / "run" / "plots").glob("*.png")}
    assert drawn == {"reconstructions", "space", "latents", "losses"}
    lines = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert {"held_out_reconstruction", "held_out_rank_correlation"} < set(lines[0].split(","))
    assert "nan" not in lines[-1]


@pytest.mark.parametrize("stop", [1, 2])
def test_a_run_that_is_interrupted_ends_as_if_it_had_not_been(
    notes: Path, tmp_path: Path, stop: int
) -> None:
    """In the first phase and in the second, whose axes were chosen at its beginning."""
    settings = {"target_dims": "maxvar", "save_epochs": 1, "keep_checkpoints": 0}
    made = plan(notes, **settings)
    whole, epoch = trained(made, tmp_path / "whole"), made.training.steps // 3
    found = tmp_path / "whole" / "checkpoints" / f"step-{stop * epoch:09d}.pt"
    again = plan(notes, **settings)
    resumed = Resumed(tmp_path / "whole", found)
    train(again, tmp_path / "again", resumed=resumed, quiet=True)
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, opened(tmp_path / "again").model.state_dict()[name]), name


@pytest.mark.parametrize("precision", ["32", "bf16-mixed"])
def test_batches_of_one_frame_are_trained(notes: Path, tmp_path: Path, precision: str) -> None:
    made = plan(notes, batch_size=1, steps=4, precision=precision)
    for tensor in trained(made, tmp_path / "run").model.state_dict().values():
        assert bool(torch.isfinite(tensor).all())


def test_a_dry_run_measures_a_step(notes: Path) -> None:
    step = dry_run_report(plan(notes))["step"]
    assert step["measured_rows"] >= 1
    assert step["seconds"] > 0


def test_config_yaml_has_a_line_for_each_setting(notes: Path, tmp_path: Path) -> None:
    """Anchors are hundreds of numbers, which stand beside each other."""
    made = plan(notes)
    open_folder(made, tmp_path, None, Console(quiet=True))
    text = (tmp_path / "config.yaml").read_text()
    assert yaml.safe_load(text) == plan_as_dict(made)
    assert not any(line.lstrip().startswith("- ") for line in text.splitlines())


def test_the_second_phase_is_regularised_and_the_first_is_not(notes: Path) -> None:
    made = plan(notes, steps=9)
    task = stepped(made, 6)
    assert float(task.losses["regularization"]) == 0.0
    task = stepped(made, 7)
    assert float(task.losses["regularization"]) > 0.0


def test_evaluations_are_compared_within_a_phase(notes: Path, tmp_path: Path) -> None:
    """In the first, the pull isn't learned and doesn't count; the second is better than it."""
    made = plan(notes, steps=9, alpha=1e4)
    review = TIMBRE.review(made, tmp_path, lambda text: None)
    task: TimbreTask = build_task(TIMBRE.task, made)  # type: ignore[arg-type]
    model = task.model.eval()
    free, shaped = (review.evaluate(model, step) for step in (task.turn, task.turn + 1))
    terms = -free["held_out_log_density"] + made.training.beta * free["held_out_divergence"]
    assert free["held_out_loss"] == pytest.approx(terms, rel=1e-5)
    assert shaped["held_out_loss"] > free["held_out_loss"] + 1e3
    scores = []
    for step in (task.turn, task.turn + 1):
        scores.append(review.score(review.evaluate(model, step)))
    assert scores[1] < scores[0]
    alone = plan(notes, steps=9, regularization="none")
    review = TIMBRE.review(alone, tmp_path, lambda text: None)
    assert review.score(review.evaluate(model, 9)) == pytest.approx(terms, rel=1e-5)


def test_a_regularised_phase_begins_from_a_loaded_model(notes: Path, tmp_path: Path) -> None:
    free = trained(plan(notes, regularization="none"), tmp_path / "free")
    for path in (tmp_path / "free" / "model.pt", *(tmp_path / "free" / "checkpoints").iterdir()):
        made = plan(notes, load=str(path))
        task: TimbreTask = build_task(TIMBRE.task, made)  # type: ignore[arg-type]
        for name, tensor in free.model.state_dict().items():
            if not name.startswith("anchor"):
                assert torch.equal(task.model.state_dict()[name], tensor), name
        assert task.turn == 0
        assert made.training.steps == plan(notes, twofold_epochs=1, load=str(path)).training.steps


def test_a_model_of_another_shape_is_not_loaded(notes: Path, tmp_path: Path) -> None:
    trained(plan(notes, regularization="none"), tmp_path / "free")
    path = str(tmp_path / "free" / "model.pt")
    with pytest.raises(ConfigError, match=r"latent_dims is 3, but .* has 4"):
        train(plan(notes, load=path, latent_dims=3), tmp_path / "shaped", quiet=True)
    (tmp_path / "text.pt").write_text("no model")
    with pytest.raises(ModelFileError, match=r"text\.pt is no model"):
        train(plan(notes, load=str(tmp_path / "text.pt")), tmp_path / "shaped", quiet=True)
    assert not (tmp_path / "shaped").exists()


ACTING: dict[str, dict[str, Any]] = {
    "frames": {"frames": (0, 10)},
    "conditioning": {"conditioning": ("key",)},
    "latent_dims": {"latent_dims": 5},
    "hidden_dims": {"hidden_dims": 20},
    "hidden_layers": {"hidden_layers": 2},
    "beta": {"beta": 5.0},
    "alpha": {"alpha": 30.0},
    "warmup_epochs": {"warmup_epochs": 3},
    "twofold": {"twofold": False},
    "target_dims": {"target_dims": "first"},
    "mds_dims": {"regularization": "student", "mds_dims": 1},
    **{f"regularization {name}": {"regularization": name} for name in REGULARIZATIONS[1:]},
}


@pytest.mark.parametrize("name", ACTING)
def test_each_argument_of_the_loss_changes_what_is_learned(notes: Path, name: str) -> None:
    usual = plan(notes, steps=6, epochs=1, twofold_epochs=1)
    other = plan(notes, **{"steps": 6, "epochs": 1, "twofold_epochs": 1, **ACTING[name]})
    assert not torch.equal(flat(stepped(usual, 6)), flat(stepped(other, 6)))


def flat(task: TimbreTask) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in task.model.parameters()])


def test_the_number_of_positions_dimensions_acts_on_the_prior(notes: Path) -> None:
    for dims in (1, 2):
        made = plan(notes, regularization="prior", mds_dims=dims, steps=1, twofold=False)
        task = stepped(made, 1)
        regulariser = task._regularised(0.0)
        assert regulariser is not None
        prior = regulariser.prior(torch.arange(3))
        assert prior is not None
        assert int((prior[0] != 0).any(0).sum()) <= dims


@pytest.mark.parametrize("which", ["first", "maxvar", "minvar"])
def test_target_dims_are_those_that_are_asked_for(notes: Path, which: str) -> None:
    made = plan(notes, target_dims=which, mds_dims=2, steps=1, twofold=False)
    task: TimbreTask = build_task(TIMBRE.task, made)  # type: ignore[arg-type]
    regulariser = task._regularised(0.0)
    assert regulariser is not None
    variances = task._measured()
    order = variances.argsort(descending=which == "maxvar").tolist()
    assert regulariser.axes == ([0, 1] if which == "first" else sorted(order[:2]))
    assert task.extra_state() == {"axes": regulariser.axes}


def test_epochs_become_steps(notes: Path) -> None:
    one = plan(notes, epochs=1, twofold_epochs=1).training.steps
    assert plan(notes, epochs=3, twofold_epochs=2).training.steps == 5 * one // 2
    assert plan(notes, epochs=3, twofold=False).training.steps == 3 * one // 2
    assert plan(notes, epochs=3, regularization="none").training.steps == 3 * one // 2
    task: TimbreTask = build_task(TIMBRE.task, plan(notes, epochs=3, twofold_epochs=2))  # type: ignore[arg-type]
    assert task.turn == 3 * one // 2


def test_beta_and_rate_follow_their_schedules(notes: Path) -> None:
    made = plan(notes, beta=2.0, warmup_epochs=2, epochs=4, twofold_epochs=4, learning_rate=0.01)
    task: TimbreTask = build_task(TIMBRE.task, made)  # type: ignore[arg-type]
    epoch = made.training.steps // 8
    assert [task.beta(epoch * n) for n in (0, 1, 2, 5)] == [0.0, 1.0, 2.0, 2.0]
    rates = [task.learning_rate(step) for step in range(made.training.steps)]
    assert rates[0] == rates[task.turn] == 0.01
    assert rates[task.turn - 1] == pytest.approx(0.0002)
    assert rates[-1] == pytest.approx(0.0002)


def test_notes_above_an_octave_are_left_out_and_said(notes: Path) -> None:
    made = plan(notes, highest_octave=3)
    assert {clip.source.stem.split("_")[1] for clip in made.library.clips} == {"55"}
    assert any("18 of 24 notes lie above octave 3" in note for note in made.notes)
    with pytest.raises(DataError, match="highest_octave is 2; all 24 notes"):
        plan(notes, highest_octave=2)


def test_frames_after_the_end_are_left_out_and_said(notes: Path) -> None:
    made = plan(notes, frames=(0, 5_000, 20))
    assert any("24 notes end before frame 5000" in note for note in made.notes)
    with pytest.raises(DataError, match=r"frames is 4000,5000; every note ends before .* 4000"):
        plan(notes, frames=(4_000, 5_000))


def test_each_instrument_has_held_out_notes_and_one_note_is_learned(
    notes: Path, tmp_path: Path
) -> None:
    made = plan(notes)
    for clips, count in ((made.learned, 6), (made.held_out, 2)):
        names = [clip.source.stem.split("_")[0] for clip in clips]
        assert {name: names.count(name) for name in names} == dict.fromkeys(INSTRUMENTS, count)
    few = write_notes(tmp_path / "notes")
    for path in sorted(few.glob("Oboe*"))[1:]:
        path.unlink()
    made = plan(few)
    assert any("Oboe has one note" in note for note in made.notes)
    assert sum("Oboe" in clip.source.stem for clip in made.learned) == 1


def test_other_names_and_another_order_of_classes_change_nothing(
    notes: Path, tmp_path: Path
) -> None:
    """The same instruments under aliases that sort otherwise: the order of classes is another."""
    other = write_notes(tmp_path / "notes", names={"Flute": "transverse_flute", "Piano": "grand"})
    own = tmp_path / "own.csv"
    lines = ("transverse_flute,oboe,0.604", "transverse_flute,grand,0.503", "oboe,grand,0.661")
    own.write_text("\n".join(("instrument_a,instrument_b,mean", *lines)) + "\n")
    same = tmp_path / "same.csv"
    text = own.read_text().replace("transverse_flute", "Flute").replace("grand", "Piano")
    same.write_text(text)
    found = []
    for folder, ratings in ((notes, same), (other, own)):
        made = plan(folder, steps=1, twofold=False, batch_size=4_096, ratings=str(ratings))
        task: TimbreTask = build_task(TIMBRE.task, made)  # type: ignore[arg-type]
        learned = material(made, made.learned)
        found.append((made.model.instruments, figures(made, passed(task.model.eval(), learned))))
    assert found[0][0].index("Flute") != found[1][0].index("transverse_flute")
    for name, figure in found[0][1].items():
        assert found[1][1][name] == pytest.approx(figure, rel=1e-4, abs=1e-4), name


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"regularization": "l1"}, "regularization is 'l1'"),
        ({"target_dims": "last"}, "target_dims is 'last'"),
        ({"frames": (25, 10)}, "frames is"),
        ({"frames": (1, 2, 3, 4)}, "first and last"),
        ({"frames": (10, 25, 0)}, "no frame"),
        ({"beta": -1.0}, "beta is -1"),
        ({"load": "x.pt", "regularization": "none"}, "regularization is none"),
        ({"load": "x.pt", "twofold": False}, "twofold"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(
    notes: Path, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        plan(notes, **settings)


def test_a_note_of_unknown_pitch_is_refused_where_pitch_is_told(tmp_path: Path) -> None:
    folder = write_notes(tmp_path / "notes")
    path = folder / f"Flute_{KEYS[0]}_{next(iter(VELOCITIES))}.wav"
    noise = torch.randn(20_000).numpy() * 0.1
    import soundfile

    soundfile.write(folder / "Flute.wav", noise, 22_050)
    path.unlink()
    with pytest.raises(DataError, match=r"the pitch of Flute\.wav is not known"):
        plan(folder)
    assert len(plan(folder, conditioning=()).library.clips) == 24


def test_instruments_without_any_rating(tmp_path: Path) -> None:
    odd = {"Flute": "kazoo", "Oboe": "saw", "Piano": "bottle"}
    folder = write_notes(tmp_path / "notes", names=odd)
    free = plan(folder)
    assert free.model.instruments == ("bottle", "kazoo", "saw")
    assert free.training.regularization == "none"
    assert any("no two of bottle, kazoo, saw have ratings" in note for note in free.notes)
    assert free.training.steps == plan(folder, regularization="none").training.steps
    with pytest.raises(DataError, match=r"kazoo.* --ratings, or choose --regularization none"):
        plan(folder, regularization="l2")
    other = tmp_path / "other.csv"
    other.write_text("instrument_a,instrument_b,mean\nFlute,Oboe,0.4\n")
    with pytest.raises(DataError, match=r"other\.csv: no two of .*kazoo"):
        plan(folder, ratings=str(other))
    own = tmp_path / "own.csv"
    own.write_text("instrument_a,instrument_b,mean\nkazoo,saw,0.4\n")
    made = plan(folder, ratings=str(own))
    assert any("no ratings of bottle" in note for note in made.notes)
    assert float(stepped(made, 5).losses["loss"]) < float("inf")


def test_the_flags_of_the_original_are_taken(notes: Path, tmp_path: Path) -> None:
    """Each under its own name, with underscores."""
    given = [
        "--data", str(notes), "--filter", "4", "--frames", "5,20", "--name", "mine",
        "--conditioning", "pitch,octave", "--regularization", "student", "--mds_dims", "2",
        "--latent_dims", "6", "--hidden_dims", "24", "--hidden_layers", "2", "--beta", "2",
        "--alpha", "0.5", "--lr", "0.002", "--epochs", "7", "--twofold_epochs", "3",
        "--twofold", "1", "--targetdims", "minvar", "--saveroot", str(tmp_path / "root"),
        "--save_epochs", "2", "--cuda", "-1", "--plot_reconstructions", "0",
        "--plot_latentspace", "0", "--plot_statistics", "0", "--plot_npoints", "99",
    ]  # fmt: skip
    params = family_command("timbre").make_context("timbre", given).params
    assert params["data_flag"] == notes
    made = plan_run(
        "timbre", notes, flags={k: v for k, v in params.items() if k in FLAGS},
        cache=notes.parent / "cache",
    )  # fmt: skip
    model, run = made.model, made.training
    assert (model.conditioning, model.latent_dims) == (("pitch", "octave"), 6)
    assert (model.hidden_dims, model.hidden_layers) == (24, 2)
    assert (run.highest_octave, run.frames, run.regularization) == (4, (5, 20), "student")
    assert (run.mds_dims, run.beta, run.alpha, run.learning_rate) == (2, 2.0, 0.5, 0.002)
    assert (run.epochs, run.twofold_epochs, run.target_dims) == (7, 3, "minvar")
    assert (run.save_epochs, run.accelerator, run.plot_npoints) == (2, "cpu", 99)
    assert run_folder(made) == tmp_path / "root" / "mine"


FLAGS = {
    "highest_octave", "frames", "name", "conditioning", "regularization", "mds_dims",
    "latent_dims", "hidden_dims", "hidden_layers", "beta", "alpha", "learning_rate", "epochs",
    "twofold_epochs", "twofold", "target_dims", "saveroot", "save_epochs", "cuda",
    "plot_reconstructions", "plot_latentspace", "plot_statistics", "plot_npoints",
}  # fmt: skip


def test_the_command_names_the_folder_itself(notes: Path, tmp_path: Path) -> None:
    flags = {**QUICK, "steps": 2, "frames": "10,25,5"}
    given = [
        part for name, value in flags.items() if not isinstance(value, bool)
        for part in (f"--{name}", str(value))
    ]  # fmt: skip
    quiet = ["--no-plot-reconstructions", "--no-plot-latentspace", "--no-plot-statistics"]
    place = ["--saveroot", str(tmp_path), "--cache", str(notes.parent / "cache")]
    command = [str(notes), "--preset", "tiny", *given, *quiet, *place]
    done = CliRunner().invoke(family_command("timbre"), command, standalone_mode=False)
    assert done.exception is None, done.output
    assert (tmp_path / "notes-pitch-4d-l2" / "model.pt").is_file()


def test_a_gpu_is_chosen_by_its_index(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan(notes, cuda=2).training
    assert (made.accelerator, made.chosen_devices) == ("gpu", [2])
    assert plan(notes, cuda=-1).training.accelerator == "cpu"
    assert plan(notes).training.accelerator == "auto"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    with pytest.raises(DeviceError, match=r"accelerator 2 .* 0 … 1"):
        require_devices(made)
