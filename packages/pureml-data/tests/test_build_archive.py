"""tools/build_mnist_archive.py: from official files to the packaged archive, or not at all."""

import gzip
import hashlib
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pureml_data import MnistDataset
from pureml_data.datasets.mnist import dataset as module

TOOL = Path(__file__).parents[3] / "tools" / "build_mnist_archive.py"


@pytest.fixture
def folder(tmp_path):
    """The official files, made again from the packaged archive, with their checksums."""
    sums = []
    for mode, prefix in (("train", "train"), ("test", "t10k")):
        with MnistDataset(mode, in_memory=True) as dataset:
            for name, a in ((f"{prefix}-images-idx3-ubyte", dataset.X), (f"{prefix}-labels-idx1-ubyte", dataset.y)):
                content = bytes([0, 0, 8, a.ndim]) + struct.pack(f">{a.ndim}I", *a.shape) + a.tobytes()
                (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=1))
                sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (tmp_path / "SHA256SUMS").write_text("".join(sums))
    return tmp_path


def build(folder, out):
    return subprocess.run([sys.executable, TOOL, folder, "--out", out], capture_output=True, text=True)


@pytest.mark.slow
def test_the_packaged_archive_is_what_the_tool_builds(folder, monkeypatch):
    out = folder / "built.zip"
    done = build(folder, out)
    assert done.returncode == 0, done.stderr
    assert f"{out.stat().st_size:,} bytes" in done.stdout
    for mode in ("train", "test"):
        with MnistDataset(mode, in_memory=True) as packaged, monkeypatch.context() as patch:
            patch.setattr(module, "ARCHIVE", out)
            with MnistDataset(mode, in_memory=True) as built:
                np.testing.assert_array_equal(built.X, packaged.X)
                np.testing.assert_array_equal(built.y, packaged.y)


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
