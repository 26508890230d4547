"""Ratings of instruments: read strictly, found by name whatever the spelling and the order."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from synth.contract import DataError
from training.timbre.aliases import ALIASES, canonical
from training.timbre.ratings import Ratings, bundled_ratings, read_ratings

HEAD = "instrument_a,instrument_b,mean,std,n\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text, "utf-8")
    return path


def pair(ratings: Ratings, a: str, b: str) -> tuple[float, float, float]:
    i, j = ratings.names.index(a), ratings.names.index(b)
    return ratings.mean[i, j], ratings.std[i, j], ratings.count[i, j]


def test_the_bundled_pairs() -> None:
    found = bundled_ratings()
    assert set(found.names) == set(ALIASES)
    assert found.count[np.triu_indices(12, 1)].sum() == 7_516
    assert np.all(found.count[np.triu_indices(12, 1)] >= 9)
    assert pair(found, "Violin", "Violoncello") == (0.089, 0.124, 9)
    assert pair(found, "Oboe", "Piano") == (0.661, 0.131, 18)
    assert found.unrated() == ()
    for matrix in (found.mean, found.std, found.count):
        assert np.array_equal(matrix, matrix.T)
        assert np.all(np.diag(matrix) == 0)


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("english_horn", "English-Horn"), ("Cor Anglais", "English-Horn"),
        ("horn", "French-Horn"), ("Hn", "French-Horn"), ("Horn in F", "French-Horn"),
        ("trombone", "Tenor-Trombone"), ("Tbn", "Tenor-Trombone"),
        ("trumpet", "Trumpet-C"), ("Trumpet in C", "Trumpet-C"), ("Trumpet_C", "Trumpet-C"),
        ("grand_piano", "Piano"), ("VIOLIN", "Violin"), ("violin 2", "Violin"),
        ("cello", "Violoncello"), ("Vc", "Violoncello"),
        ("alto_sax", "Alto-Sax"), ("Sax_Alto", "Alto-Sax"), ("saxophone", "Alto-Sax"),
        ("bassoon", "Bassoon"), ("clarinet", "Clarinet-Bb"), ("Clarinet in B-flat", "Clarinet-Bb"),
        ("flute_acoustic_002", "Flute"), ("Ob", "Oboe"),
    ],
)  # fmt: skip
def test_spellings(spelled: str, name: str) -> None:
    assert canonical(spelled) == canonical(name) == name


def test_other_instruments_stay_apart() -> None:
    others = [
        "Bass_Tuba",
        "Viola",
        "Contrabass",
        "Accordion",
        "bass clarinet",
        "flute_synthetic_001",
    ]
    found = {canonical(name) for name in others}
    assert len(found) == len(others)
    assert not found & set(ALIASES)


def test_no_alias_stands_for_two_instruments() -> None:
    for (a, first), (b, second) in combinations(ALIASES.items(), 2):
        assert not {canonical(n) for n in (a, *first)} & {canonical(n) for n in (b, *second)}


def test_order_and_spelling_of_classes_change_nothing() -> None:
    random = np.random.default_rng(1)
    found = bundled_ratings()
    for _ in range(5):
        order = random.permutation(12)
        aliases = [random.choice([n, n.lower(), *ALIASES[n]]) for n in np.array(found.names)[order]]
        matched = found.matched(aliases)
        assert matched.names == tuple(aliases)
        assert np.array_equal(matched.mean, found.mean[np.ix_(order, order)])
        assert np.array_equal(matched.std, found.std[np.ix_(order, order)])
        assert np.array_equal(matched.count, found.count[np.ix_(order, order)])


def test_instruments_without_ratings_are_left_free() -> None:
    matched = bundled_ratings().matched(["tuba", "flute", "oboe"])
    assert matched.unrated() == ("tuba",)
    assert np.all(np.isnan(matched.mean[0]))
    assert np.all(matched.count[0] == 0)
    assert pair(matched, "flute", "oboe") == (0.604, 0.204, 97)


def test_two_of_one_instrument_have_no_rating_between_them() -> None:
    matched = bundled_ratings().matched(["violin 1", "violin 2", "cello"])
    assert np.isnan(matched.mean[0, 1])
    assert matched.count[0, 1] == 0
    assert matched.mean[0, 2] == matched.mean[1, 2] == 0.089


@pytest.mark.parametrize("classes", [["tuba", "viola"], ["flute"], ["flute 1", "flute 2"]])
def test_ratings_that_cover_no_pair_of_the_data_are_refused(classes: list[str]) -> None:
    with pytest.raises(DataError, match=r"come with synth: no two of .*rename classes"):
        bundled_ratings().matched(classes)


def test_a_message_names_a_few_of_many_classes() -> None:
    wanted = r"of organ 0, .*organ 11 and 488 more are compared, only"
    with pytest.raises(DataError, match=wanted) as raised:
        bundled_ratings().matched([f"organ {n}" for n in range(500)])
    assert len(str(raised.value)) < 600


def test_a_table_of_other_instruments_on_another_scale(tmp_path: Path) -> None:
    path = write(tmp_path, "instrument_a,instrument_b,mean\ntuba,viola,7\nviola,kazoo,3\n")
    found = read_ratings(path)
    assert found.names == ("tuba", "viola", "kazoo")
    assert pair(found, "viola", "tuba") == (7, 0, 1)
    assert np.isnan(found.mean[0, 2])
    assert found.count[0, 2] == 0
    assert found.matched(["kazoo", "Viola"]).mean[0, 1] == 3


def test_a_whole_symmetric_table_is_as_good_as_half_of_it(tmp_path: Path) -> None:
    half = "tuba,viola,0.7,0.1,4\nviola,kazoo,0.3,0.2,5\n"
    other = "kazoo,viola,0.30,0.2,5.0\nviola,tuba,0.7,0.1,4\ntuba,tuba,0,0,3\n"
    whole = read_ratings(write(tmp_path, HEAD + half + other))
    found = read_ratings(write(tmp_path, HEAD + half))
    for name in ("mean", "std", "count"):
        assert np.array_equal(getattr(whole, name), getattr(found, name), equal_nan=True)


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        ("tuba,viola,0.5,0.1,4\nviola,tuba,0.6,0.1,4\n", r"line 3: viola,tuba has mean 0.6.* 2"),
        ("tuba,viola,0.5,0.1,4\nviola,tuba,0.5,0.1,5\n", r"line 3: .*n 5.0.* has one rating"),
        ("tuba,viola,-0.5,0.1,4\n", r"line 2: mean is -0.5; a number of at least 0"),
        ("tuba,viola,0.5,-1,4\n", r"line 2: std is -1"),
        ("tuba,viola,0.5,0.1,-4\n", r"line 2: n is -4"),
        ("tuba,viola,0.5,0.1,0\n", r"line 2: n is 0; leave a pair out"),
        ("tuba,viola,loud,0.1,4\n", r"line 2: mean is loud"),
        ("tuba,viola,,0.1,4\n", r"line 2: mean is empty"),
        ("tuba,viola,0,5,0.1,4\n", r"line 2: has more values .* write a decimal point"),
        ("tuba,viola,nan,0.1,4\n", r"line 2: mean is nan"),
        ("tuba,viola,inf,0.1,4\n", r"line 2: mean is inf"),
        ("tuba,,0.5,0.1,4\n", r"line 2: an instrument has no name"),
        ("tuba,viola,0.5,0.1,4\ntuba,viola,0.5,0.1,4\n", r"line 3: tuba,viola is in line 2"),
        ("tuba,tuba,0.5,0.1,4\n", r"line 2: tuba and tuba are the same .* mean is 0.5"),
        ("tuba,horn,0.5\nFrench-Horn,viola,0.5\n", r"line 3: French-Horn is the same .* as horn"),
        ("tuba,viola,0,0.1,4\n", r"every mean is 0"),
        ("", r"has no ratings; write lines with instrument_a,instrument_b,mean"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(tmp_path: Path, lines: str, match: str) -> None:
    path = write(tmp_path, HEAD + lines)
    with pytest.raises(DataError, match=match) as raised:
        read_ratings(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "the column instrument_a is missing"),
        ("instrument_a,instrument_b,n\na,b,3\n", "the column mean is missing"),
        ("a b c\n", "instrument_a is missing; write instrument_a.* std,n$"),
        ("instrument_a;instrument_b;mean\na;b;0,5\n", "with commas between them instead of semic"),
        ("instrument_a\tinstrument_b\tmean\n", "with commas between them instead of tabs"),
    ],
)
def test_a_missing_column_is_named(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        read_ratings(write(tmp_path, text))


def test_the_mark_of_an_editor_and_the_case_of_a_heading_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("Instrument_A, Instrument_B ,Mean\nFlöte, tuba, .5\n", "utf-8-sig")
    found = read_ratings(path)
    assert found.names == ("Flöte", "tuba")
    assert found.mean[0, 1] == 0.5


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: can't be read"):
        read_ratings(tmp_path / "none.csv")
    path = tmp_path / "binary.csv"
    path.write_bytes(b"\xff\xfe\x00\x01" * 9)
    with pytest.raises(DataError, match=r"binary\.csv: isn't written in UTF-8; save it so"):
        read_ratings(path)
