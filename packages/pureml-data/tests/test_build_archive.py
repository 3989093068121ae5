"""tools/build_mnist_archive.py: from official files to the packaged archive, or not at all."""

import gzip
import hashlib
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import zarr
from pureml_data import MnistDataset
from pureml_data.datasets.mnist import dataset as module

TOOL = Path(__file__).parents[3] / "tools" / "build_mnist_archive.py"
N = 2_501  # samples of each file: a chunk of images, and one that is not full


@pytest.fixture(scope="module")
def parts():
    """The beginnings of the official arrays, which test_mnist.py compares whole."""
    found = {}
    for mode in ("train", "test"):
        with MnistDataset(mode) as dataset:
            found[mode] = dataset.X[:N], dataset.y[:N]
    return found


@pytest.fixture
def folder(tmp_path, parts):
    """Files like the official ones, with their checksums."""
    sums = []
    for mode, prefix in (("train", "train"), ("test", "t10k")):
        for name, a in zip((f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"), parts[mode], strict=True):
            content = bytes([0, 0, 8, a.ndim]) + struct.pack(f">{a.ndim}I", *a.shape) + a.tobytes()
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=1))
            sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (tmp_path / "SHA256SUMS").write_text("".join(sums))
    return tmp_path


def build(folder, out):
    return subprocess.run([sys.executable, TOOL, folder, "--out", out], capture_output=True, text=True)


@pytest.mark.slow
def test_the_packaged_archive_is_what_the_tool_builds(folder, parts, monkeypatch):
    out, again = folder / "built.zip", folder / "again.zip"
    done = build(folder, out)
    assert done.returncode == 0, done.stderr
    assert f"{out.stat().st_size:,} bytes" in done.stdout
    assert build(folder, again).returncode == 0 and again.read_bytes() == out.read_bytes()
    for mode in ("train", "test"):
        with MnistDataset(mode) as packaged, monkeypatch.context() as patch:
            patch.setattr(module, "ARCHIVE", out)
            with MnistDataset(mode, in_memory=True) as built:
                np.testing.assert_array_equal(built.X, parts[mode][0])
                np.testing.assert_array_equal(built.y, parts[mode][1])
            with MnistDataset(mode) as built:
                for name in ("images", "labels"):
                    assert layout(built, name) == layout(packaged, name)
    with zipfile.ZipFile(module.ARCHIVE) as packaged, zipfile.ZipFile(out) as built:
        first = [packaged.getinfo("test/images/c/0/0/0"), built.getinfo("test/images/c/0/0/0")]
        assert {(i.date_time, i.compress_type, i.external_attr, i.create_system) for i in first} == {
            ((1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED, 0o644 << 16, 3)
        }


def layout(dataset, name):
    """All that an array's metadata say but for its length."""
    metadata = zarr.open_array(dataset.store, path=f"{dataset.mode}/{name}", mode="r").metadata.to_dict()
    return {key: value for key, value in metadata.items() if key != "shape"}


def test_a_file_that_is_not_the_official_one_is_refused(folder):
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1] + b"\7"))
    before = {p.name for p in folder.iterdir()}
    done = build(folder, folder / "built.zip")
    assert done.returncode != 0 and "t10k-labels-idx1-ubyte.gz: SHA-256 of the content is" in done.stderr
    assert {p.name for p in folder.iterdir()} == before


def test_a_missing_folder_is_named(tmp_path):
    done = build(tmp_path / "nowhere", tmp_path / "built.zip")
    assert done.returncode != 0 and "nowhere" in done.stderr
