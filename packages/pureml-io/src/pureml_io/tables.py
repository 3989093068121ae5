"""Text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def shown(text: str) -> str:
    """A text as it may be printed: one from a stranger's file could steer the terminal."""
    return text if text.isprintable() else ascii(text)


def cut(text: str, width: int) -> str:
    """A text that is at most so wide."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Lines of a table, the columns of those numbers to the right."""
    rows = [[shown(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    sides = [">" if i in right else "<" for i in range(len(columns))]
    lines = (zip(row, sides, widths, strict=True) for row in [columns, *rows])
    return ["  ".join(f"{cell:{side}{width}}" for cell, side, width in line).rstrip() for line in lines]
