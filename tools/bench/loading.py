"""An epoch of shuffled batches, and nothing else: samples per second beside PyTorch's DataLoader and bare NumPy.

    python tools/bench/loading.py [--torch-python PATH] [--rounds 5] [--epochs 3] [--samples 60000]

The same for all: float32 images (N, 28, 28) and float32 one-hot labels (N, 10) in memory, of MNIST's size, batches of
128 in a new random order each epoch. PyTorch gets a TensorDataset, read in the process itself and by two workers;
"numpy" indexes both arrays with slices of a permutation. "ours MNIST" is `MnistDataset(in_memory=True)`, which also
scales its bytes to float32 and makes the labels one-hot. The first epoch of a process is left out; of the others the
fastest counts, which is what a busy machine changes least.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from peers import Figures, compare, parser, run_worker

BATCH = 128


def arrays(samples: int) -> Any:
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.random((samples, 28, 28), np.float32), np.eye(10, dtype=np.float32)[rng.integers(10, size=samples)]


def timed(epoch: Callable[[], Iterable[Any]], epochs: int) -> Figures:
    """Samples per second, in millions."""
    best = 0.0
    for number in range(epochs + 1):
        samples = 0
        start = time.perf_counter()
        for images, _ in epoch():
            samples += images.shape[0]
        seconds = time.perf_counter() - start
        if number:
            best = max(best, samples / seconds / 1e6)
    return {"million samples per second": best}


def ours(samples: str, epochs: str, **settings: Any) -> Figures:
    from pureml_data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(*arrays(int(samples))), BATCH, shuffle=True, seed=0, **settings)
    return timed(lambda: loader, int(epochs))


def ours_prefetch(samples: str, epochs: str) -> Figures:
    return ours(samples, epochs, prefetch=2)


def ours_workers(samples: str, epochs: str) -> Figures:
    return ours(samples, epochs, workers=2)


def ours_mnist(samples: str, epochs: str) -> Figures:
    from pureml_data import DataLoader, MnistDataset

    loader = DataLoader(MnistDataset("train", in_memory=True), BATCH, shuffle=True, seed=0)
    return timed(lambda: loader, int(epochs))


def numpy_bare(samples: str, epochs: str) -> Figures:
    import numpy as np

    images, labels = arrays(int(samples))
    rng = np.random.default_rng(0)

    def epoch() -> Iterable[Any]:
        order = rng.permutation(len(images))
        for start in range(0, len(images), BATCH):
            rows = order[start : start + BATCH]
            yield images[rows], labels[rows]

    return timed(epoch, int(epochs))


def torch_loader(samples: str, epochs: str, workers: int = 0) -> Figures:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(2)
    data = TensorDataset(*map(torch.from_numpy, arrays(int(samples))))
    loader = DataLoader(data, batch_size=BATCH, shuffle=True, num_workers=workers)
    return timed(lambda: loader, int(epochs))


def torch_workers(samples: str, epochs: str) -> Figures:
    return torch_loader(samples, epochs, workers=2)


WORKERS: dict[str, Callable[..., Figures]] = {
    "ours": ours,
    "numpy": numpy_bare,
    "torch, 0 workers": torch_loader,
    "torch, 2 workers": torch_workers,
    "ours MNIST": ours_mnist,
    "ours, prefetch": ours_prefetch,
    "ours, 2 workers": ours_workers,
}


def main() -> None:
    options = parser(__doc__, rounds=5)
    options.add_argument("--epochs", type=int, default=3, help="epochs timed in every process")
    options.add_argument("--samples", type=int, default=60_000, help="of random images; MNIST has its own number")
    chosen = options.parse_args()
    compare(__file__, list(WORKERS), chosen, "shuffled loading", (str(chosen.samples), str(chosen.epochs)))


if __name__ == "__main__":
    if not run_worker(WORKERS):
        main()
