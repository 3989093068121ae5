"""What one small operation costs: 1,000 times y = y * 1.0001 + 0.5 on (8, 8) float32, forward and backward.

    python tools/bench/op_overhead.py [--torch-python PATH] [--rounds 7]

Microseconds per operation (two in each of the 1,000 lines), beside PyTorch eager.
"""

import statistics
import time
from typing import Any

from peers import Figures, compare, parser, run_worker

LINES = 1000


def measure(x: Any, seed: Any, repeats: int = 60) -> Figures:
    """Medians over `repeats`, the first ten left out, in microseconds per operation."""
    times: list[tuple[float, float]] = []
    for _ in range(repeats):
        x.grad = None
        start = time.perf_counter()
        y = x
        for _ in range(LINES):
            y = y * 1.0001 + 0.5
        middle = time.perf_counter()
        y.backward(seed)
        times.append((middle - start, time.perf_counter() - middle))
        del y
    forward, backward = zip(*times[10:], strict=True)
    scale = 1e6 / (2 * LINES)
    return {
        "forward": scale * statistics.median(forward),
        "backward": scale * statistics.median(backward),
        "forward and backward": scale * statistics.median(map(sum, times[10:])),
    }


def ours() -> Figures:
    import numpy as np
    from pureml_core import Tensor

    return measure(Tensor(np.ones((8, 8), np.float32), requires_grad=True), np.ones((8, 8), np.float32))


def torch() -> Figures:
    import torch

    return measure(torch.ones((8, 8), requires_grad=True), torch.ones((8, 8)))


if __name__ == "__main__":
    if not run_worker({"ours": ours, "torch": torch}):
        options = parser(__doc__, rounds=7).parse_args()
        compare(__file__, ["ours", "torch"], options, "microseconds per operation")
