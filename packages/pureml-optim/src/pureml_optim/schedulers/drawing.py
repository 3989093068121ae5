"""Rates as a picture: a plot, or a line of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BLOCKS = "▁▂▃▄▅▆▇█"


def plot(rates: Sequence[float], title: str, ax: Any = None) -> Any:
    """Rates over steps in `ax`, or in a new figure of pyplot's; returns the axes."""
    if ax is None:
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise ImportError("plot() needs matplotlib; pip install pureml-optim[plot]") from error
        ax = pyplot.subplots()[1]
    ax.plot(range(len(rates)), rates)
    ax.set(xlabel="step", ylabel="learning rate", title=title)
    return ax


def sparkline(rates: Sequence[float], width: int) -> str:
    """Rates as blocks between the lowest and the highest of all, each the rate of one of the steps.

    >>> sparkline([0.0, 0.5, 1.0, 0.5, 0.0], 60)
    '▁▅█▅▁ 0 to 1'
    """
    low, high = min(rates), max(rates)
    columns = min(width, len(rates))
    at = [i * (len(rates) - 1) // max(columns - 1, 1) for i in range(columns)]  # the first and the last among them
    heights = [(rates[i] - low) / (high - low or 1) for i in at]
    line = "".join(BLOCKS[min(int(h * len(BLOCKS)), len(BLOCKS) - 1)] for h in heights)
    return f"{line} {low:.4g} to {high:.4g}"
