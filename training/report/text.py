"""The report on runs as text, Markdown or plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from training.measures.scale import NAMES
from training.report.comparison import Row

HEADINGS = ("", "runs", "steps", "parameters", "MSE", "multi-scale STFT", "CDPAM")


def as_data(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows, JSON-ready: one object for each, with the fields of `Row`."""
    return [{**asdict(row), "runs": list(row.runs)} for row in rows]


def as_text(rows: Sequence[Row]) -> str:
    """A table for each set of sounds, its columns aligned by spaces."""
    return "\n\n".join(_block(part, _plain) for part in _by_data(rows))


def as_markdown(rows: Sequence[Row]) -> str:
    """A Markdown table for each set of sounds."""
    return "\n\n".join(_block(part, _markdown) for part in _by_data(rows))


def figure(mean: float | None, spread: float | None) -> str:
    """A mean with three digits, ± the spread if there is one; "-" without a mean.

    >>> figure(12.3456, None), figure(0.04321, 0.001), figure(None, None)
    ('12.3', '0.0432 ± 0.001', '-')
    """
    if mean is None:
        return "-"
    return f"{mean:.3g}" + (f" ± {spread:.2g}" if spread is not None else "")


def _by_data(rows: Sequence[Row]) -> list[list[Row]]:
    """In the order of the rows; a set of sounds ends with its row of noise."""
    parts: list[list[Row]] = [[]]
    for row in rows:
        parts[-1].append(row)
        if row.name == "noise":
            parts.append([])
    return [part for part in parts if part]


def _block(rows: list[Row], table: Any) -> str:
    cells = [_cells(row) for row in rows]
    return f"{rows[0].data}, {rows[0].sounds} sounds\n\n{table([HEADINGS, *cells])}"


def _cells(row: Row) -> tuple[str, ...]:
    counts = [str(n) if n else "" for n in (len(row.runs), row.steps, row.parameters)]
    return (row.name, *counts, *(figure(row.mean[n], row.spread[n]) for n in NAMES))


def _widths(table: list[tuple[str, ...]]) -> list[int]:
    return [max(len(row[column]) for row in table) for column in range(len(HEADINGS))]


def _line(row: tuple[str, ...], widths: list[int]) -> list[str]:
    first, *rest = (cell for cell in row)
    return [first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(rest, widths[1:], strict=True))]


def _plain(table: list[tuple[str, ...]]) -> str:
    widths = _widths(table)
    return "\n".join("  ".join(_line(row, widths)).rstrip() for row in table)


def _markdown(table: list[tuple[str, ...]]) -> str:
    widths = _widths(table)
    rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    lines = [_line(table[0], widths), rule, *(_line(row, widths) for row in table[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
