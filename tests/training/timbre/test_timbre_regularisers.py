"""What pulls a space towards ratings: by name, with the right gradients, in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from synth.contract import ConfigError
from training.timbre.measures import rank_correlation
from training.timbre.ratings import Ratings, bundled_ratings, read_ratings
from training.timbre.regularisers import REGULARISERS, Regulariser, scaled_positions

PULLS = [name for name in REGULARISERS if name != "prior"]
DIMS = 6


def make(
    name: str, ratings: Ratings | None = None, dims: int = DIMS, **more: object
) -> Regulariser:
    given = {"mds_dims": 3, **more}
    return REGULARISERS[name](ratings or bundled_ratings(), dims, **given)  # type: ignore[arg-type]


def seeded(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(rows: int = 24, classes: int = 12, dims: int = DIMS) -> tuple[torch.Tensor, torch.Tensor]:
    latents = torch.randn(rows, dims, dtype=torch.float64, generator=seeded(1))
    return latents, torch.randint(0, classes, (rows,), generator=seeded(2))


@pytest.fixture
def pair(tmp_path: Path) -> Ratings:
    path = tmp_path / "pair.csv"
    path.write_text("instrument_a,instrument_b,mean,std,n\ntuba,viola,4,1,7\n", "utf-8")
    return read_ratings(path)


@pytest.mark.parametrize("name", PULLS)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    regulariser, (latents, classes) = make(name), batch(10)
    latents.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: regulariser(z, classes, seeded()), (latents,))


@pytest.mark.parametrize("name", PULLS)
def test_latents_in_one_place_have_finite_gradients(name: str) -> None:
    latents = torch.zeros(8, DIMS, requires_grad=True)
    make(name)(latents, torch.arange(8), seeded()).backward()
    assert torch.isfinite(latents.grad).all()


@pytest.mark.parametrize("name", REGULARISERS)
def test_order_and_names_of_classes_change_nothing(name: str) -> None:
    ratings, (latents, classes) = bundled_ratings(), batch(40)
    first = make(name, ratings.matched(ratings.names))
    order = np.random.default_rng(4).permutation(12)
    other = make(name, ratings.matched([ratings.names[n].lower().replace("-", "_") for n in order]))
    moved = torch.from_numpy(np.argsort(order))[classes]
    assert torch.equal(first(latents, classes, seeded()), other(latents, moved, seeded()))
    if name == "prior":
        for a, b in zip(first.prior(classes), other.prior(moved), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("name", PULLS)
def test_other_classes_are_another_pull(name: str) -> None:
    """The check before can fail: classes in the wrong order are noticed."""
    regulariser, (latents, classes) = make(name), batch(40)
    assert regulariser(latents, classes, seeded()) != regulariser(latents, 11 - classes, seeded())


@pytest.mark.parametrize("name", ["l2", "student"])  # the draws of gaussian belong to rows
def test_rows_in_another_order_are_the_same_batch(name: str) -> None:
    regulariser, (latents, classes) = make(name), batch()
    order = torch.randperm(len(latents), generator=seeded())
    first, other = regulariser(latents, classes), regulariser(latents[order], classes[order])
    assert float(first) == pytest.approx(float(other), rel=1e-12)


@pytest.mark.parametrize("name", REGULARISERS)
def test_instruments_without_ratings_are_left_free(name: str) -> None:
    rated, free = ["flute", "oboe", "cello"], ["tuba", "flute", "kazoo", "oboe", "cello"]
    ratings = bundled_ratings()
    alone, among = make(name, ratings.matched(rated)), make(name, ratings.matched(free))
    latents, classes = batch(20, 5)
    latents.requires_grad_()
    pull = among(latents, classes, seeded())
    if name == "prior":
        mean, std = among.prior(classes)
        loose = (classes == 0) | (classes == 2)
        assert torch.all(mean[loose] == 0)
        assert torch.all(std[loose] == 1)
        assert torch.all(mean[~loose, :2].abs().sum(1) > 0)
        return
    (gradient,) = torch.autograd.grad(pull, latents)
    known = (classes != 0) & (classes != 2)
    assert torch.all(gradient[~known] == 0)
    assert torch.all(gradient[known].abs().sum(1) > 0)
    if name != "gaussian":  # whose draws would be others
        numbers = torch.tensor([-1, 0, -1, 1, 2])[classes[known]]
        assert pull.item() == pytest.approx(alone(latents[known], numbers).item(), rel=1e-5)


@pytest.mark.parametrize("name", PULLS)
def test_a_batch_without_ratings_pulls_nowhere(name: str) -> None:
    regulariser = make(name, bundled_ratings().matched(["tuba", "flute", "oboe"]))
    latents = torch.randn(6, DIMS, generator=seeded(), requires_grad=True)
    pull = regulariser(latents, torch.zeros(6, dtype=torch.int64), seeded())
    pull.backward()
    assert pull == 0
    assert torch.all(latents.grad == 0)


@pytest.mark.parametrize("name", PULLS)
@pytest.mark.parametrize("axes", [(0, 1, 2), (5, 1, 3)])
def test_only_target_axes_are_pulled(name: str, axes: tuple[int, ...]) -> None:
    latents, classes = batch()
    latents.requires_grad_()
    make(name, axes=axes)(latents, classes, seeded()).backward()
    pulled = latents.grad.abs().sum(0) > 0
    assert set(torch.nonzero(pulled).flatten().tolist()) == set(axes)


def test_only_target_axes_have_priors_of_instruments() -> None:
    mean, std = make("prior", axes=(1, 3, 4)).prior(torch.arange(12))
    assert torch.all(mean[:, [0, 2, 5]] == 0)
    assert torch.all(std[:, [0, 2, 5]] == 1)
    positions = torch.from_numpy(scaled_positions(bundled_ratings(), 3)).float()
    assert torch.equal(mean[:, [1, 3, 4]], positions)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"axes": (0, 6)}, r"axes is \[0, 6\]; 0 … 5"),
        ({"axes": ()}, "axes is"),
        ({"mds_dims": 4, "axes": (0, 1, 2)}, "mds_dims is 4; 1 … 3, the regularised axes"),
    ],
)
def test_axes_that_do_not_exist_are_refused(more: dict[str, object], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        make("l2", **more)


def test_l2_in_closed_form(pair: Ratings) -> None:
    regulariser = make("l2", pair, 2, mds_dims=1)
    latents = torch.tensor([[0.0, 0.0], [0.3, 0.4], [1.0, 0.0]])
    classes = torch.tensor([0, 1, 0])
    # The only mean, 4, becomes 1; those of one instrument are to be together.
    misses = [0.5 - 1, 1.0 - 0, float(np.hypot(0.7, 0.4)) - 1]
    assert float(regulariser(latents, classes)) == pytest.approx(
        float(np.sqrt(2 * np.square(misses).sum())), rel=1e-6
    )


def test_l2_weighs_by_the_number_of_ratings() -> None:
    ratings = bundled_ratings()
    regulariser = make("l2", dims=1, mds_dims=1)
    cello, violin, sax = (ratings.names.index(n) for n in ("Violoncello", "Violin", "Alto-Sax"))
    mean_count = ratings.count[np.triu_indices(12, 1)].mean()
    for other in (violin, sax):
        latents, classes = torch.tensor([[0.0], [3.0]]), torch.tensor([cello, other])
        miss = 3 - ratings.mean[cello, other] / np.nanmax(ratings.mean)
        wanted = miss * np.sqrt(2 * ratings.count[cello, other] / mean_count)
        assert float(regulariser(latents, classes)) == pytest.approx(wanted, rel=1e-5)


def test_gaussian_draws_around_the_mean_with_the_spread_of_the_ratings(pair: Ratings) -> None:
    regulariser = make("gaussian", pair, 1, mds_dims=1)
    classes = torch.tensor([0, 1] * 400)
    targets = regulariser.targets(classes, seeded())  # type: ignore[attr-defined]
    apart = targets[classes[:, None] != classes]
    assert float(apart.mean()) == pytest.approx(1.0, abs=0.005)
    assert float(apart.std()) == pytest.approx(0.25, rel=0.01)
    assert torch.equal(targets, targets.T)
    assert torch.all(targets[classes[:, None] == classes] == 0)
    assert torch.all(targets >= 0)


def test_gaussian_draws_anew_and_repeatably() -> None:
    regulariser, (latents, classes), generator = make("gaussian"), batch(), seeded()
    first, second = (regulariser(latents, classes, generator) for _ in range(2))
    assert first != second
    assert first == regulariser(latents, classes, seeded())


def test_gaussian_without_spread_is_l2(tmp_path: Path) -> None:
    path = tmp_path / "means.csv"
    path.write_text("instrument_a,instrument_b,mean\na,b,1\nb,c,2\na,c,2\n", "utf-8")
    latents, classes = batch(20, 3)
    pulls = [make(n, read_ratings(path), mds_dims=2)(latents, classes) for n in ("l2", "gaussian")]
    assert pulls[0] == pulls[1]


def test_student_in_closed_form() -> None:
    regulariser, (latents, classes) = make("student"), batch(7)
    positions = scaled_positions(bundled_ratings(), 3)[classes]
    z, total = latents.numpy(), 0.0
    for i in range(7):
        others = [j for j in range(7) if j != i]
        q = np.array([np.exp(-((z[i] - z[j]) ** 2).sum()) for j in others])
        p = np.array([1 / (1 + ((positions[i] - positions[j]) ** 2).sum()) for j in others])
        q, p = q / q.sum(), p / p.sum()
        total += float((q * np.log(q / p)).sum())
    assert float(regulariser(latents, classes)) == pytest.approx(total, rel=1e-5)


def test_the_variance_of_priors() -> None:
    ratings = bundled_ratings()
    _, std = make("prior").prior(torch.arange(12))
    spread = (ratings.count * ratings.std).sum(1) / ratings.count.sum(1)
    wanted = (spread - spread.min() + 0.01) / spread.max() * 2
    assert std[:, 0].square().numpy() == pytest.approx(wanted, rel=1e-5)


def test_priors_of_ratings_without_spread_are_as_wide_as_usual(tmp_path: Path) -> None:
    path = tmp_path / "means.csv"
    path.write_text("instrument_a,instrument_b,mean\na,b,1\nb,c,2\na,c,2\n", "utf-8")
    mean, std = make("prior", read_ratings(path), mds_dims=2).prior(torch.arange(3))
    assert torch.all(std == 1)
    assert float((mean[0] - mean[2]).norm()) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("name", PULLS)
def test_the_pull_makes_a_space_agree_with_ratings(name: str) -> None:
    ratings, classes = bundled_ratings(), torch.arange(48) % 12
    regulariser = make(name, dims=8, mds_dims=8)
    latents = (0.3 * torch.randn(48, 8, generator=seeded())).requires_grad_()
    before = rank_correlation(latents, classes, ratings)
    descent, generator = torch.optim.Adam([latents], lr=0.02), seeded()
    for _ in range(300):
        descent.zero_grad()
        regulariser(latents, classes, generator).backward()
        descent.step()
    after = rank_correlation(latents, classes, ratings)
    assert before < 0.5 < 0.9 < after
