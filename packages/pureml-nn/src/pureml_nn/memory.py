"""Memory of arrays that are made and dropped at every step of training."""

import sys

import numpy as np

LARGEST = 2**25 - 2**13  # bytes: of 32 MB, the limit of the rule below, less what malloc adds


def keep_freed() -> None:
    """Have glibc keep what is freed for the next arrays, up to 64 MB, instead of giving it back to the system.

    Memory from the system comes page by page, at 0.2 µs and more for each; in a training step that is a tenth of the
    time. malloc's rule is to take from the system, and to give back, what is larger than the largest array of that
    kind that was freed before. So one of the largest that counts is made and freed. It is never touched: it costs
    nothing.
    """
    if sys.platform == "linux":
        np.empty(LARGEST, np.uint8)
