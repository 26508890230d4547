"""How unlike instruments seem to people: ratings of pairs, found by name.

The bundled table holds 66 pairs of twelve instruments. It puts together five studies:

- Grey 1977, Multidimensional perceptual scaling of musical timbres, JASA 61(5);
- Krumhansl 1989, Why is musical timbre so hard to understand?, in Structure and perception of
  electroacoustic sound and music;
- Iverson, Krumhansl 1993, Isolating the dynamic attributes of musical timbre, JASA 94(5);
- McAdams, Winsberg, Donnadieu, De Soete, Krimphoff 1995, Perceptual scaling of synthesized musical
  timbres, Psychological Research 58;
- Lakatos 2000, A common perceptual space for harmonic and percussive timbres, Perception &
  Psychophysics 62(7);

as aggregated by Esling, Chemla-Romeu-Santos, Bitton 2018 (arXiv 1805.08501): the ratings of each
study scaled to 0 … 1, then mean, standard deviation and number over all who rated a pair.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synth.contract import DataError
from training.timbre.aliases import canonical
from training.timbre.tables import between_columns, require_columns

Matrix = NDArray[np.float64]

BUNDLED = Path(__file__).with_name("timbre_dissimilarity.csv")
NEEDED = ("instrument_a", "instrument_b", "mean")
NAMED = 12  # instruments that a message names
COLUMNS = "instrument_a,instrument_b,mean and, if known, std,n"


@dataclass(frozen=True, eq=False)
class Ratings:
    """Dissimilarities of instruments; all matrices are symmetric.

    Attributes:
        names: of the instruments.
        mean: at least 0, `[n, n]`; 0 on the diagonal of a rated instrument, NaN where a pair has
            no rating.
        std: of the ratings of a pair, 0 where the source tells none, NaN as in `mean`.
        count: of the ratings of a pair; 0 on the diagonal and where there is none.
        source: the file or what it holds, for messages.
    """

    names: tuple[str, ...]
    mean: Matrix
    std: Matrix
    count: Matrix
    source: str = ""

    @property
    def rated(self) -> NDArray[np.bool_]:
        """Which instruments have ratings, `[n]`."""
        return np.asarray((self.count > 0).any(1))

    def matched(self, instruments: Sequence[str]) -> Ratings:
        """The ratings of some instruments in their order, found by name (see `canonical`).

        Two instruments that are the same one here, such as two violins, have no rating between
        them.

        Args:
            instruments: in the order wanted; those without ratings get NaN and count 0.

        Raises:
            DataError: not even two of the instruments have been compared.
        """
        known = {canonical(name): number for number, name in enumerate(self.names)}
        index = np.array([known.get(canonical(name), -1) for name in instruments], dtype=np.intp)
        apart = (index[:, None] != index) & (index >= 0) & (index[:, None] >= 0)
        count = np.where(apart, self.count[np.ix_(index, index)], 0.0)
        if not count.any():
            raise DataError(
                f"{self.source}: no two of {some(instruments)} are compared, only"
                f" {some(self.names)}; rename classes, name a CSV with ratings of theirs with"
                " --ratings, or choose --regularization none"
            )
        mean = np.where(count > 0, self.mean[np.ix_(index, index)], np.nan)
        std = np.where(count > 0, self.std[np.ix_(index, index)], np.nan)
        own = np.flatnonzero((count > 0).any(1))
        mean[own, own] = std[own, own] = 0.0
        return Ratings(tuple(instruments), mean, std, count, self.source)

    def unrated(self) -> tuple[str, ...]:
        """The instruments without any rating, which are left free."""
        return tuple(n for n, known in zip(self.names, self.rated, strict=True) if not known)


def some(names: Sequence[str]) -> str:
    """Names for a message, the first of them where there are many."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def bundled_ratings() -> Ratings:
    """The 66 pairs of twelve instruments that come with the package."""
    return replace(read_ratings(BUNDLED), source="ratings that come with synth")


def read_ratings(path: str | Path) -> Ratings:
    """Ratings of a CSV.

    Its columns are instrument_a, instrument_b, mean and, if known, std and n, the number of
    ratings. Pairs may be missing. A pair may stand there in both orders if the numbers are the
    same, and an instrument beside itself with 0.

    Raises:
        DataError: the file can't be read, lacks a column, or a line is wrong; the message names
            file, line and value.
    """
    pairs = _read(Path(path))
    _require_one_name_each(path, pairs)
    _require_one_rating_each(path, pairs)
    if not any(pair.mean > 0 for pair in pairs):
        raise DataError(f"{path}: every mean is 0; two instruments at least must differ")
    names = tuple(dict.fromkeys(name for pair in pairs for name in (pair.a, pair.b)))
    place = {name: number for number, name in enumerate(names)}
    mean, std = np.full((2, len(names), len(names)), np.nan)
    count = np.zeros_like(mean)
    np.fill_diagonal(mean, 0.0)
    np.fill_diagonal(std, 0.0)
    for pair in pairs:
        i, j = place[pair.a], place[pair.b]
        if i != j:
            mean[i, j] = mean[j, i] = pair.mean
            std[i, j] = std[j, i] = pair.std
            count[i, j] = count[j, i] = pair.count
    return Ratings(names, mean, std, count, str(path))


@dataclass(frozen=True)
class _Pair:
    """A line of the table."""

    line: int
    a: str
    b: str
    mean: float
    std: float
    count: float

    @property
    def told(self) -> str:
        return f"mean {self.mean}, std {self.std}, n {self.count}"


def _read(path: Path) -> list[_Pair]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, skipinitialspace=True)
            table.fieldnames = [(n or "").strip().lower() for n in table.fieldnames or ()]
            missing = [name for name in NEEDED if name not in table.fieldnames]
            if missing:
                raise DataError(
                    f"{path}: the column {missing[0]} is missing; write {COLUMNS}"
                    f"{between_columns(table.fieldnames)}"
                )
            pairs = [_pair(f"{path}, line {table.line_num}", table.line_num, row) for row in table]
    except UnicodeDecodeError:
        raise DataError(f"{path}: isn't written in UTF-8; save it so") from None
    except (OSError, csv.Error) as error:
        raise DataError(f"{path}: can't be read ({error}); write a CSV with {COLUMNS}") from None
    if not pairs:
        raise DataError(f"{path}: has no ratings; write lines with {COLUMNS}")
    return pairs


def _pair(where: str, line: int, row: dict[str, str | None]) -> _Pair:
    require_columns(where, row)
    a, b = ((row.get(column) or "").strip() for column in NEEDED[:2])
    if not a or not b:
        raise DataError(f"{where}: an instrument has no name; write {COLUMNS}")
    mean = _number(where, row, "mean", "")
    pair = _Pair(line, a, b, mean, _number(where, row, "std", "0"), _number(where, row, "n", "1"))
    if pair.count == 0:
        raise DataError(f"{where}: n is 0; leave a pair out that nobody has rated")
    if canonical(a) == canonical(b) and mean != 0:
        raise DataError(
            f"{where}: {a} and {b} are the same instrument, and mean is {mean:g}; it is 0 there,"
            " or leave the line out"
        )
    return pair


def _number(where: str, row: dict[str, str | None], column: str, default: str) -> float:
    text = (row.get(column) or default).strip()
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise DataError(f"{where}: {column} is {text or 'empty'}; a number of at least 0 is needed")
    return number


def _require_one_name_each(path: str | Path, pairs: Sequence[_Pair]) -> None:
    spelled: dict[str, str] = {}
    for pair in pairs:
        for name in (pair.a, pair.b):
            before = spelled.setdefault(canonical(name), name)
            if name != before:
                raise DataError(
                    f"{path}, line {pair.line}: {name} is the same instrument as {before} in a line"
                    " above; write one name for it"
                )


def _require_one_rating_each(path: str | Path, pairs: Sequence[_Pair]) -> None:
    seen: dict[tuple[str, str], _Pair] = {}
    for pair in pairs:
        twice, turned = seen.get((pair.a, pair.b)), seen.get((pair.b, pair.a))
        if twice:
            raise DataError(
                f"{path}, line {pair.line}: {pair.a},{pair.b} is in line {twice.line} already;"
                " remove one of them"
            )
        if turned and turned.told != pair.told:
            raise DataError(
                f"{path}, line {pair.line}: {pair.a},{pair.b} has {pair.told}, and the same pair"
                f" in line {turned.line} has {turned.told}; a pair has one rating, whatever its"
                " order"
            )
        seen[pair.a, pair.b] = pair
