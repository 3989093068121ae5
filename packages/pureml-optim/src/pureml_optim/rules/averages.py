"""The exponential average that most rules keep, of gradients or of their squares."""

from typing import Any

import numpy as np


def average(a: Any, beta: float, x: Any, spare: Any) -> None:
    """a ← βa + (1−β)x, in place; `spare` is overwritten and may be x itself."""
    np.multiply(x, 1 - beta, out=spare)
    a *= beta
    a += spare
