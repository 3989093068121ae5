"""MnistDataset: the official digits, read in chunks, and clear errors."""

import gc
import hashlib
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tracemalloc
import weakref
import zipfile

import numpy as np
import pytest
from pureml_data import DataLoader, MnistDataset
from pureml_data.datasets.mnist import dataset as module

MB = 2**20
OFFICIAL = {  # SHA-256 of the uncompressed IDX files, as published: images, labels
    "train": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "test": (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
COUNTS = {
    "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "test": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
}
modes = pytest.mark.parametrize("mode", ["train", "test"])
storage = pytest.mark.parametrize("in_memory", [False, True])


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture(scope="module", params=["train", "test"])
def split(request):
    """A dataset, and its images and labels held."""
    with MnistDataset(request.param) as dataset, MnistDataset(request.param, in_memory=True) as held:
        yield dataset, held.X, held.y


def digits(labels):
    return labels.data.argmax(axis=-1) if labels.dtype == np.float64 else labels.data


# ---- the data


def test_the_archive_holds_the_official_files(split):
    dataset, images, labels = split
    found = tuple(hashlib.sha256(idx(a)).hexdigest() for a in (np.asarray(dataset.X[:]), dataset.y))
    assert found == OFFICIAL[dataset.mode]
    np.testing.assert_array_equal(images, dataset.X[:])
    assert np.bincount(labels).tolist() == COUNTS[dataset.mode]
    assert len(dataset) == dataset.N == len(labels) == sum(COUNTS[dataset.mode])


@modes
@storage
@pytest.mark.parametrize("index", [0, -1, np.int32(9999)])
def test_a_sample(mode, in_memory, index):
    with MnistDataset(mode, in_memory=in_memory) as dataset:
        image, label = dataset[index]
        assert image.shape == (28, 28) and image.dtype == np.float32
        assert (label.shape, label.dtype) == (((10,), np.float64) if mode == "train" else ((), np.uint8))
        assert digits(label) == dataset.y[index]
        np.testing.assert_array_equal(image.data, dataset.X[int(index)] * np.float32(1 / 255))


@modes
@storage
@pytest.mark.parametrize(
    "index",
    [slice(4990, 5010), slice(20, 0, -7), slice(3, 3), [9999, 0, -1, 0, 5000], [], np.array([255, 0], np.uint8)],
    ids=str,
)
def test_a_batch(mode, in_memory, index, split):
    with MnistDataset(mode, in_memory=in_memory) as dataset, MnistDataset(mode, in_memory=True) as held:
        images, labels = dataset[index]
        at = np.asarray(index, np.intp) if isinstance(index, list) else index
        expected = held.X[at] * np.float32(1 / 255)
        assert images.dtype == np.float32 and images.shape == expected.shape
        np.testing.assert_array_equal(images.data, expected)
        assert (labels.shape[1:], labels.dtype) == (((10,), np.float64) if mode == "train" else ((), np.uint8))
        np.testing.assert_array_equal(digits(labels), held.y[at])


def test_grey_values_go_from_zero_to_exactly_one():
    with MnistDataset("test") as test:
        images, _ = test[:1000]
    assert images.data.min() == 0 and images.data.max() == 1


@modes
@storage
def test_samples_own_their_memory(mode, in_memory):
    with MnistDataset(mode, in_memory=in_memory) as dataset:
        before = [t.data.copy() for t in dataset[:3]]
        samples = [dataset[0], dataset[:2], dataset[[0, 1]], *dataset.read_in_order([0, np.array([0, 1]), 2])]
        for t in (t for sample in samples for t in sample):
            t.data[...] = 9
        for t, expected in zip(dataset[:3], before, strict=True):
            np.testing.assert_array_equal(t.data, expected)


# ---- loading


@storage
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("size", [997, 25_000])
def test_an_epoch_is_every_image_once_with_its_label(split, in_memory, shuffle, size):
    dataset, images, labels = split
    order = np.random.default_rng(5).permutation(len(dataset)) if shuffle else np.arange(len(dataset))
    with MnistDataset(dataset.mode, in_memory=in_memory) as fresh:
        start = 0
        for X, Y in DataLoader(fresh, size, shuffle=shuffle, seed=5):
            at = order[start : start + size]
            assert np.array_equal(X.data, images[at] * np.float32(1 / 255)) and np.array_equal(digits(Y), labels[at])
            start += size
    assert start >= len(dataset)


def test_two_shuffled_loops_at_once_do_not_disturb_each_other(split):
    dataset, images, _ = split
    loaders = [DataLoader(dataset, 1000, shuffle=True, seed=seed) for seed in (1, 2)]
    orders = [np.random.default_rng(seed).permutation(len(dataset)) for seed in (1, 2)]
    for k, batches in enumerate(zip(*loaders, strict=True)):
        for order, (X, _) in zip(orders, batches, strict=True):
            np.testing.assert_array_equal(X.data[0], images[order[1000 * k]] * np.float32(1 / 255))


def test_combine_samples_fn_reads_ahead_too(split, monkeypatch):
    dataset, _, labels = split
    reads = count_reads(monkeypatch)
    loader = DataLoader(dataset, 100, shuffle=True, combine_samples_fn=lambda s: [int(digits(y)) for _, y in s])
    found = np.concatenate(list(loader))
    assert np.bincount(found).tolist() == np.bincount(labels).tolist()
    assert len(reads) <= 2 * 24


@pytest.mark.parametrize(("shuffle", "passes"), [(False, 1), (True, 2)])
def test_an_epoch_decodes_each_chunk_a_few_times_only(monkeypatch, shuffle, passes):
    reads = count_reads(monkeypatch)
    with MnistDataset("train") as train:
        for _ in DataLoader(train, 128, shuffle=shuffle):
            pass
    assert len(reads) == passes * 24


def count_reads(monkeypatch):
    reads, read = [], module.Archive.read
    monkeypatch.setattr(module.Archive, "read", lambda self, a, b: reads.extend([a] * (b > a)) or read(self, a, b))
    return reads


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_whole_set_is_never_held_by_default(shuffle):
    with MnistDataset("train") as train:
        list(train.read_in_order([0]))  # zarr's own first-time allocations
        tracemalloc.start()
        try:
            for _ in DataLoader(train, 128, shuffle=shuffle):
                pass
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 36 * MB  # of 45


def test_a_copy_opens_the_archive_itself():
    with MnistDataset("test", in_memory=True) as held, MnistDataset("test") as streamed:
        for copy in (pickle.loads(pickle.dumps(held)), pickle.loads(pickle.dumps(streamed))):
            np.testing.assert_array_equal(copy[[5, 9000]][0].data, held[[5, 9000]][0].data)
            copy.close()
        assert len(pickle.dumps(held)) < 1000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_opens_the_archive_itself():
    code = """if True:
        import os
        from pureml_data import MnistDataset
        test = MnistDataset("test")
        child = os.fork()
        for i in range(0, 10000, 500):
            test[i:i + 500]
        if not child:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


# ---- errors


def test_in_memory_is_true_or_false():
    with pytest.raises(TypeError, match="in_memory must be True or False, given 'no'"):
        MnistDataset(in_memory="no")


@storage
def test_what_is_dropped_is_freed(in_memory):
    gc.disable()
    try:
        test = MnistDataset("test", in_memory=in_memory)
        test[0]
        held = weakref.ref(test.X), weakref.ref(test.store)
        del test
        assert all(ref() is None for ref in held)
    finally:
        gc.enable()


@pytest.mark.parametrize("mode", ["validation", "", None, ["train"]])
def test_another_mode_is_refused(mode):
    with pytest.raises(ValueError, match="'train' or 'test', given"):
        MnistDataset(mode)


@storage
@pytest.mark.parametrize(
    ("index", "error"),
    [(10_000, IndexError), (-10_001, IndexError), ([0, 10_000], IndexError), (0.5, TypeError), ((0, 1), TypeError)],
)
def test_an_index_out_of_range_is_refused(in_memory, index, error):
    with MnistDataset("test", in_memory=in_memory) as test:
        with pytest.raises(error):
            test[index]
        if error is IndexError:
            with pytest.raises(error):
                list(test.read_in_order([np.asarray(index)]))


@storage
def test_any_use_after_close_is_an_error(in_memory):
    test = MnistDataset("test", in_memory=in_memory)
    loader = DataLoader(test, 100, shuffle=True)
    under_way = iter(loader)
    next(under_way)
    images = test.X
    test.close()
    test.close()
    if not in_memory:
        with pytest.raises(ValueError, match="closed"):
            images[:2]
    uses = [
        lambda: len(test),
        lambda: test[0],
        lambda: test[:5],
        lambda: test[[1, 2]],
        lambda: test.X,
        lambda: test.y,
        lambda: test.store,
        lambda: test.__enter__(),
        lambda: list(test.read_in_order([0])),
        lambda: next(under_way),
        lambda: list(loader),
    ]
    for use in uses:
        with pytest.raises(ValueError, match="closed"):
            use()


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path):
    path.write_bytes(b"")


def without(*names):
    def damage(path):
        with zipfile.ZipFile(path) as old:
            files = {name: old.read(name) for name in old.namelist() if name not in names}
        with zipfile.ZipFile(path, "w") as new:
            for name, content in files.items():
                new.writestr(name, content)

    return damage


def with_labels_overwritten(path):
    with zipfile.ZipFile(path) as old:
        files = {name: old.read(name) for name in old.namelist()}
    files["test/labels/c/0"] = files["test/labels/c/0"][:100]
    with zipfile.ZipFile(path, "w") as new:
        for name, content in files.items():
            new.writestr(name, content)


@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        emptied,
        without("test/images/zarr.json"),
        without("test/images/c/2/0/0"),
        without("test/labels/c/0"),
        with_labels_overwritten,
    ],
)
def test_a_damaged_archive_is_one_clear_error(tmp_path, monkeypatch, damage):
    path = tmp_path / "mnist.zarr.zip"
    shutil.copy(module.ARCHIVE, path)
    damage(path)
    monkeypatch.setattr(module, "ARCHIVE", path)
    with pytest.raises(
        ValueError, match=r"mnist\.zarr\.zip: the MNIST archive is damaged or unreadable .*install pureml-data again"
    ):
        MnistDataset("test")


def test_a_damaged_chunk_is_found_when_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "mnist.zarr.zip"
    content = bytearray(module.ARCHIVE.read_bytes())
    with zipfile.ZipFile(module.ARCHIVE) as archive:
        at = archive.getinfo("test/images/c/2/0/0").header_offset + 1000
    content[at] ^= 0xFF
    path.write_bytes(content)
    monkeypatch.setattr(module, "ARCHIVE", path)
    with MnistDataset("test") as test:
        assert test[0][1].item() == 7
        with pytest.raises(ValueError, match="damaged"):
            test[5000]
    with pytest.raises(ValueError, match="damaged"):
        MnistDataset("test", in_memory=True)


def test_a_missing_archive_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ARCHIVE", tmp_path / "nowhere.zip")
    with pytest.raises(
        FileNotFoundError, match=r"nowhere\.zip: the MNIST archive is missing; install pureml-data again"
    ):
        MnistDataset()


def test_importing_the_package_does_not_import_zarr():
    check = "import sys, pureml_data; sys.exit('zarr' in sys.modules or 'numcodecs' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
