"""Build the MNIST archive of pureml-data from the official IDX files.

    python tools/build_mnist_archive.py [folder]

`folder` holds the four files `*-ubyte.gz` and `SHA256SUMS`, the checksums of the uncompressed files; by default
`shared/data/mnist` beside the checkout. The same input gives the same archive, byte for byte.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np
import zarr
from pureml_data import read_idx
from zarr.abc.buffer import Buffer
from zarr.codecs import ZstdCodec

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT.parent / "shared" / "data" / "mnist"
TARGET = ROOT / "packages/pureml-data/src/pureml_data/datasets/mnist/mnist.zarr.zip"

# name in the archive -> official file, and the length of a chunk along the first axis. 2,500 images are 2 MB decoded.
# Measured on the 60,000 images, processor time to read all through zarr: Blosc lz4hc 11.04 MB, 19 ms; Blosc zstd-5
# 9.28 MB and zstd-9 8.78 MB, 46 ms; Zstandard 22 8.71 MB, 46 ms, in chunks of 5,000 8.61 MB. Shuffled bytes or bits are
# larger and slower (15 MB), and so are pixels put first (10.2 MB); rows or columns put first win nothing.
ARRAYS = {
    "train/images": ("train-images-idx3-ubyte", 2_500),
    "train/labels": ("train-labels-idx1-ubyte", 60_000),
    "test/images": ("t10k-images-idx3-ubyte", 2_500),
    "test/labels": ("t10k-labels-idx1-ubyte", 10_000),
}
CODEC = ZstdCodec(level=22)


def read_official(folder: Path, name: str, checksum: str) -> np.ndarray:
    """The array in `name`.gz, whose uncompressed content must have this SHA-256."""
    path = folder / f"{name}.gz"
    with gzip.open(path) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != checksum:
        raise SystemExit(f"{path}: SHA-256 of the content is {found}, needed {checksum}")
    return read_idx(path)


def encode(folder: Path) -> dict[str, bytes]:
    """The files of the zarr v3 archive."""
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    checksums = {name: checksum for checksum, name in (line.split() for line in lines)}
    arrays = {path: read_official(folder, name, checksums[name]) for path, (name, _) in ARRAYS.items()}
    files: dict[str, Buffer] = {}
    store = zarr.storage.MemoryStore(files)
    zarr.create_group(store, attributes={"source": "MNIST, Y. LeCun, C. Cortes and C. J. C. Burges, 1998"})
    for path, values in arrays.items():
        chunks = (ARRAYS[path][1], *values.shape[1:])
        array = zarr.create_array(
            store, name=path, shape=values.shape, dtype=values.dtype, chunks=chunks, compressors=CODEC, filters=None
        )
        array[:] = values
    return {key: value.to_bytes() for key, value in files.items()}


def write_zip(files: dict[str, bytes], target: Path) -> None:
    """Write an uncompressed zip whose bytes depend on `files` alone, under its name only when complete."""
    partial = target.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # as on Unix, wherever this runs
            archive.writestr(entry, files[name])
    os.replace(partial, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SOURCE, help="where the .gz files are (%(default)s)")
    parser.add_argument("--out", type=Path, default=TARGET, help="the archive to write (%(default)s)")
    args = parser.parse_args()
    write_zip(encode(args.folder), args.out)
    digest = hashlib.sha256(args.out.read_bytes()).hexdigest()
    print(f"{args.out}: {args.out.stat().st_size:,} bytes, SHA-256 {digest}")


if __name__ == "__main__":
    main()
