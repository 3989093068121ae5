"""Write and read an array larger than memory: time, resident memory, and what shuffling in windows costs.

    python tools/bench/streaming.py [--gigabytes 20] [--folder /tmp]

Each step runs in a process of its own, whose peak of resident memory is reported; its last column is without what
Python, NumPy and zarr take by themselves. The samples are 1,024 float32 that compress about tenfold.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from pureml_data import DataLoader, TensorDataset, ZarrDataset, write_zarr

FEATURES, BATCH, CHUNK = 1024, 256, 2048  # a chunk of 8 MiB


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def batches(n: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    pattern = np.random.default_rng(0).integers(0, 8, size=(BATCH, FEATURES)).astype(np.float32)
    for start in range(0, n, BATCH):
        numbers = np.arange(start, min(start + BATCH, n))
        rows = pattern[: len(numbers)].copy()
        rows[:, 0] = numbers % 2**24
        yield rows, numbers


def write(path: str, n: int) -> int:
    return write_zarr(path, batches(n), batched=True, chunk=CHUNK, compression_level=1)


def read(path: str, n: int, order: str, window: int, prefetch: int) -> int:
    dataset = ZarrDataset(path, window=window, prefetch=prefetch)
    sampler = dataset.sampler(seed=0) if order == "shuffled" else None
    seen = np.zeros(n, bool)
    for x, numbers in DataLoader(dataset, BATCH, sampler=sampler):
        if not np.array_equal(x.data[:, 0], numbers.data % 2**24) or seen[numbers.data].any():
            raise SystemExit("a sample was wrong or came twice")
        seen[numbers.data] = True
    return int(seen.sum())


def in_memory(path: str, n: int) -> int:
    x, y = next(batches(BATCH))
    dataset = TensorDataset(np.tile(x, (min(n, 1 << 18) // BATCH, 1)), np.tile(y, min(n, 1 << 18) // BATCH))
    return sum(len(x) for x, _ in DataLoader(dataset, BATCH, shuffle=True, seed=0))


def measured(f: Callable[..., int], args: tuple[object, ...], results: object) -> None:
    import zarr  # noqa: F401 - part of what is there before

    before, start = peak(), time.perf_counter()
    n = f(*args)
    results.put((n, time.perf_counter() - start, peak(), peak() - before))  # type: ignore[attr-defined]


def run(name: str, f: Callable[..., int], *args: object) -> None:
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    process = context.Process(target=measured, args=(f, args, results))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{name} failed")
    n, seconds, total, grown = results.get()
    size = n * FEATURES * 4 / 1e9
    print(
        f"{name:36s} {n:9,d} samples {seconds:7.1f} s {size / seconds:5.2f} GB/s {total:5.0f} MB {grown:5.0f} MB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=20.0, help="uncompressed (%(default)s)")
    parser.add_argument("--folder", type=Path, default=None, help="where to write; default: the system's temporary one")
    parser.add_argument("--window", type=int, default=8, help="chunks (%(default)s)")
    parser.add_argument("--prefetch", type=int, default=1, help="chunks (%(default)s)")
    args = parser.parse_args()
    n = int(args.gigabytes * 1e9 / (4 * FEATURES))
    folder = Path(tempfile.mkdtemp(dir=args.folder))
    path = str(folder / "large.zarr")
    try:
        run("write", write, path, n)
        packed = sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())
        print(f"  {n * FEATURES * 4 / 1e9:.1f} GB in {packed / 1e9:.2f} GB on disk")
        run("read in order", read, path, n, "in order", args.window, args.prefetch)
        run(f"shuffled in windows of {args.window} chunks", read, path, n, "shuffled", args.window, args.prefetch)
        run("TensorDataset, shuffled, 1 GB", in_memory, path, n)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
