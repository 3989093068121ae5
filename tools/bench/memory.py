"""The peak memory of one forward and backward sweep through 200 × (Affine 256 + relu), batch 256, in float32.

    python tools/bench/memory.py [--depth 200] [--width 256] [--batch 256]

By tracemalloc, which sees every array. What must be there: the parameters, their gradients, and one activation for
each hidden layer, which its gradient needs. Anything above is waste.
"""

import argparse
import tracemalloc

import numpy as np
from pureml_core import Tensor
from pureml_nn import Affine, relu


def measure(depth: int, width: int, batch: int) -> tuple[int, int]:
    """(peak, what must be there) in bytes."""
    x = Tensor(np.random.default_rng(0).standard_normal((batch, width)).astype(np.float32))
    tracemalloc.start()
    layers = [Affine(width, width, method="kaiming-normal", seed=i) for i in range(depth)]
    y = x
    for layer in layers:
        y = relu(layer(y))
    y.sum().backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    parameters = [p for layer in layers for p in layer.parameters]
    assert all(p.grad is not None for p in parameters)
    return peak, 2 * sum(p.data.nbytes for p in parameters) + depth * x.data.nbytes


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("depth", 200), ("width", 256), ("batch", 256)):
        options.add_argument(f"--{name}", type=int, default=value)
    peak, needed = measure(**vars(options.parse_args()))
    print(f"peak {peak / 1e6:.1f} MB, {peak / needed:.3f} x what must be there, {needed / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
