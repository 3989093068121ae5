"""Saving and loading 50 M float32 parameters beside torch.save, safetensors and numpy.savez; sizes of files.

    python tools/bench/save_load.py --torch-python /path/to/python [--rounds 7] [--folder FOLDER]

Twenty arrays of random normals, which hardly shrink. Saving makes a new file and ends with it on disk (fsync); loading
reads it from the system's cache into arrays of its own. The files of an MNIST_BEATER after one epoch are compared too.
Two threads each. torch-python needs torch, numpy and nothing else; without safetensors here, that peer is left out.
"""

import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from peers import Figures, compare, parser, run_worker

REPEATS = 5


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {f"layers.{i}.W": rng.standard_normal((2500, 1000), dtype=np.float32) for i in range(20)}


def measured(folder: str, suffix: str, save: Callable[[Path], Any], load: Callable[[Path], Any]) -> Figures:
    """The fastest of some repeats of each, after one to warm up."""
    path = Path(folder) / f"bench{suffix}"
    saving, loading = [], []
    for _ in range(REPEATS + 1):
        path.unlink(missing_ok=True)
        start = time.perf_counter()
        save(path)
        saving.append(time.perf_counter() - start)
        start = time.perf_counter()
        loaded = load(path)
        loading.append(time.perf_counter() - start)
        del loaded
    size = path.stat().st_size / 1e6
    path.unlink()
    return {
        "save and fsync, ms": 1e3 * min(saving[1:]),
        "load, ms": 1e3 * min(loading[1:]),
        "save and fsync, median, ms": 1e3 * statistics.median(saving[1:]),
        "load, median, ms": 1e3 * statistics.median(loading[1:]),
        "file, MB": size,
    }


def synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def pureml(folder: str) -> Figures:
    from pureml_core.state import State
    from pureml_io import load, save

    state = State("bench/1", arrays())
    return measured(folder, ".pureml.zip", lambda path: save(state, path), load)


def torch(folder: str) -> Figures:
    import torch

    torch.set_num_threads(2)
    state = {name: torch.from_numpy(array) for name, array in arrays().items()}

    def save(path: Path) -> None:
        torch.save(state, path)
        synced(path)

    return measured(folder, ".pt", save, torch.load)


def safetensors(folder: str) -> Figures:
    from safetensors.numpy import load_file, save_file

    state = arrays()

    def save(path: Path) -> None:
        save_file(state, path)
        synced(path)

    return measured(folder, ".safetensors", save, load_file)


def npz(folder: str) -> Figures:
    state = arrays()

    def save(path: Path) -> None:
        np.savez(path, **state)
        synced(path)

    def load(path: Path) -> dict[str, np.ndarray]:
        with np.load(path) as file:
            return dict(file)

    return measured(folder, ".npz", save, load)


def trained(folder: str) -> Figures:
    """The size of a trained network's file in each format but torch's, which is made from its npz."""
    from pureml.datasets import MnistDataset
    from pureml.models.neural_networks import MNIST_BEATER

    model = MNIST_BEATER()
    with MnistDataset("train") as data:
        model.fit(data, batch_size=32, num_epochs=1)
    state = {name: p.numpy() for name, p in model.named_parameters().items()}
    np.savez(Path(folder) / "trained.npz", **state)
    sizes = {"pureml": model.save(Path(folder) / "trained").stat().st_size}
    sizes["npz"] = (Path(folder) / "trained.npz").stat().st_size
    if importlib.util.find_spec("safetensors"):
        from safetensors.numpy import save_file

        save_file(state, Path(folder) / "trained.safetensors")
        sizes["safetensors"] = (Path(folder) / "trained.safetensors").stat().st_size
    return {name: float(size) for name, size in sizes.items()}


def torch_trained(folder: str) -> Figures:
    import torch

    with np.load(Path(folder) / "trained.npz") as file:
        torch.save({name: torch.from_numpy(array) for name, array in file.items()}, Path(folder) / "trained.pt")
    return {"torch": float((Path(folder) / "trained.pt").stat().st_size)}


WORKERS = {f.__name__: f for f in (pureml, torch, safetensors, npz, trained, torch_trained)}


def main() -> None:
    if run_worker(WORKERS):
        return
    options = parser(__doc__, rounds=3)
    options.add_argument("--folder", help="where to write: on the disk that is to be measured")
    given = options.parse_args()
    peers = ["pureml", "torch", *["safetensors"] * bool(importlib.util.find_spec("safetensors")), "npz"]
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        compare(__file__, peers, given, "50 M float32 in 20 arrays", (folder,))
        print("\na trained MNIST_BEATER, bytes:")
        given.rounds = 1
        for name in ("trained", "torch_trained"):
            compare(__file__, [name], given, "bytes", (folder,))


if __name__ == "__main__":
    sys.exit(main())
