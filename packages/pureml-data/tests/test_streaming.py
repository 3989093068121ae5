"""ZarrDataset, ChunkSampler and write_zarr: every sample once, little memory, exact resume, clear errors."""

import gc
import http.client
import itertools
import json
import os
import pickle
import re
import shutil
import struct
import subprocess
import sys
import threading
import weakref
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numcodecs.checksum32 import CRC32C
from pureml_core import Tensor
from pureml_data import ChunkSampler, DataLoader, ZarrDataset, write_zarr
from pureml_data.chunks import ChunkReader

N, CHUNK = 103, 10
X = np.random.default_rng(0).normal(size=(N, 2, 3)).astype(np.float32)
Y = np.arange(N)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A group of two arrays, and an array."""
    folder = tmp_path_factory.mktemp("zarr")
    write_zarr(folder / "xy.zarr", ({"x": x, "a label": y} for x, y in zip(X, Y, strict=True)), chunk=CHUNK)
    write_zarr(folder / "x.zarr", X, chunk=CHUNK)
    return folder


def numbers(batches):
    """Of the samples in batches of (x, y), which must belong together."""
    found = []
    for x, y in batches:
        np.testing.assert_array_equal(x.data, X[y.data])
        found += y.tolist()
    return found


# ---- the order


lengths = st.integers(0, 60)
settings = st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**70))


@given(lengths, settings)
def test_every_sample_is_on_exactly_one_rank_in_every_epoch(n, setting):
    chunk, window, world_size, seed = setting
    ranks = [ChunkSampler(chunk, window, rank=r, world_size=world_size, seed=seed) for r in range(world_size)]
    for _ in range(2):
        orders = [sampler.order(n) for sampler in ranks]
        assert sorted(np.concatenate(orders).tolist()) == list(range(n))
        sizes = [len(order) for order in orders]
        assert sizes == [sampler.length(n) for sampler in ranks] and max(sizes) - min(sizes) <= 1


@given(lengths, settings, st.integers(1, 12))
def test_in_this_order_every_chunk_is_decoded_once(n, setting, size):
    chunk, window, world_size, seed = setting
    order = ChunkSampler(chunk, window, rank=world_size - 1, world_size=world_size, seed=seed).order(n)
    decoded = []
    reader = counting_reader(n, chunk, decoded)
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    for batch, (rows,) in zip(batches, reader.in_order(batches, window * chunk), strict=True):
        np.testing.assert_array_equal(rows, batch)
    assert sorted(decoded) == np.unique(order // chunk).tolist()


@given(st.integers(1, 60), st.integers(1, 9), st.integers(0, 30), st.data())
def test_the_reader_gives_what_is_asked_for(n, chunk, window, data):
    index = st.integers(-n, n - 1)
    asked = data.draw(st.lists(index | st.lists(index, max_size=12).map(lambda i: np.array(i, np.int64)), max_size=12))
    decoded = []
    reader = counting_reader(n, chunk, decoded)
    for item, (rows,) in zip(asked, reader.in_order(asked, window), strict=True):
        np.testing.assert_array_equal(rows, np.arange(n)[item])
        np.testing.assert_array_equal(reader.rows(item)[0], np.arange(n)[item])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint64, ">i4"])
def test_index_arrays_of_any_integers(dtype):
    reader = counting_reader(400, 300, [])
    np.testing.assert_array_equal(reader.rows(np.array([3, 100], dtype))[0], [3, 100])


def test_no_more_is_held_than_there_is():
    n = 10**12
    long = ChunkReader(lambda start, stop: (np.arange(start, stop),), n, 4)
    assert long.rows(slice(n - 3, 5, -(10**11)))[0].tolist() == [*range(n - 3, 5, -(10**11))]
    short = ChunkReader(lambda start, stop: (np.arange(start, stop),), 5, n)
    assert [rows.tolist() for (rows,) in short.in_order([np.array([3]), np.array([1])], 8 * n)] == [[3], [1]]


def counting_reader(n, chunk, decoded):
    def read(start, stop):
        if stop > start:
            assert start % chunk == 0 and stop == min(start + chunk, n)
            decoded.append(start // chunk)
        return (np.arange(n)[start:stop],)

    return ChunkReader(read, n, chunk)


@pytest.mark.parametrize("window", [1, 2, 8])
def test_every_sample_is_equally_often_at_every_place(window):
    n, chunk, epochs = 24, 3, 4000
    sampler = ChunkSampler(chunk, window, seed=1)
    counts = np.zeros((n, n))
    for _ in range(epochs):
        counts[np.arange(n), sampler.order(n)] += 1
    expected = epochs / n
    chi2 = (n - 1) / n * np.sum((counts - expected) ** 2) / expected  # rows and columns sum to `epochs`
    degrees = (n - 1) ** 2
    assert abs(chi2 - degrees) < 5 * np.sqrt(2 * degrees)  # mean and deviation of a chi-square variable


def test_neighbours_are_mixed_by_the_window():
    order = ChunkSampler(10, 4, seed=0).order(1000)
    for a in range(0, 1000, 40):
        chunks = order[a : a + 40] // 10
        assert len(np.unique(chunks)) == 4
        assert np.any(chunks[:-1] != chunks[1:]) and np.any(np.diff(np.unique(chunks)) != 1)
    assert np.mean(np.diff(order) == 1) < 0.1


def test_orders_differ_by_epoch_and_seed_and_repeat_by_seed():
    a, b, c = (ChunkSampler(10, 2, seed=seed) for seed in (0, 0, 1))
    first, second = a.order(100), a.order(100)
    assert first.tolist() == b.order(100).tolist() != second.tolist()
    assert first.tolist() != c.order(100).tolist()
    assert first[:12].tolist() == [28, 52, 27, 54, 50, 22, 20, 24, 21, 58, 23, 55]  # on every platform


def test_ranks_share_the_order_of_chunks_but_do_not_mix_alike():
    a, b = (ChunkSampler(10, 2, rank=r, world_size=2, seed=0).order(200) for r in range(2))
    assert (a % 10).tolist() != (b % 10).tolist()


@pytest.mark.parametrize(
    ("setting", "error", "match"),
    [
        ({"chunk": 0}, ValueError, "chunk must be at least 1"),
        ({"chunk": 1.5}, TypeError, "chunk must be an integer"),
        ({"window": 0}, ValueError, "window must be at least 1"),
        ({"rank": 2, "world_size": 2, "seed": 0}, ValueError, "rank 2 of 2"),
        ({"world_size": 2}, ValueError, "no seed"),
        ({"shuffle": 1}, TypeError, "shuffle must be True or False"),
    ],
)
def test_settings_of_the_sampler_are_checked(setting, error, match):
    with pytest.raises(error, match=match):
        ChunkSampler(**{"chunk": 4} | setting)


# ---- the dataset


@pytest.mark.parametrize(
    "index", [0, -1, np.int64(55), slice(None), slice(90, 3, -7), slice(3, 3), [5, -1, 5, 99], [], Y % 7 == 0], ids=str
)
def test_samples_and_batches(folder, index):
    with ZarrDataset(folder / "xy.zarr") as xy, ZarrDataset(folder / "x.zarr") as x:
        at = np.asarray(index, np.intp) if isinstance(index, list) else index
        for found, expected in zip((*xy[index], *x[index]), (X[at], Y[at], X[at]), strict=True):
            assert isinstance(found, Tensor) and found.dtype == expected.dtype and found.shape == expected.shape
            np.testing.assert_array_equal(found.data, expected)
        assert (xy.fields, x.fields, len(xy), xy.chunk) == (("x", "a label"), (), N, CHUNK)


@pytest.mark.parametrize("prefetch", [0, 1, 3])
@pytest.mark.parametrize("size", [1, 32, 103, 200])
@pytest.mark.parametrize("order", ["in order", "chunks", "random"])
def test_an_epoch_of_a_loader(folder, prefetch, size, order):
    with ZarrDataset(folder / "xy.zarr", window=2, prefetch=prefetch) as dataset:
        sampler = dataset.sampler(seed=3) if order == "chunks" else None
        loader = DataLoader(dataset, size, shuffle=order == "random", seed=3, sampler=sampler)
        assert sorted(numbers(loader)) == Y.tolist()
        assert sorted(numbers(loader)) == Y.tolist()
    assert not reading_threads()


def test_batches_own_their_memory(folder):
    dataset = ZarrDataset(folder / "xy.zarr", prefetch=0)
    for batch in (dataset[0], dataset[:4], dataset[[0, 1]], *dataset.read_in_order([0, np.arange(4), np.arange(4)])):
        for t in batch:
            t.data[...] = 7
    np.testing.assert_array_equal(dataset[:4][0].data, X[:4])
    first, second = DataLoader(dataset, 60)
    np.testing.assert_array_equal(np.concatenate([first[1].data, second[1].data]), Y)


def test_combining_single_samples(folder):
    with ZarrDataset(folder / "xy.zarr", window=2) as dataset:
        loader = DataLoader(
            dataset, 7, sampler=dataset.sampler(seed=0), combine_samples_fn=lambda s: [int(y.item()) for _, y in s]
        )
        assert sorted(itertools.chain(*loader)) == Y.tolist()


@pytest.mark.parametrize("delivered", [0, 1, 7, 12, 13])
def test_a_resumed_epoch_goes_on_exactly(folder, delivered):
    def loader(seed):
        dataset = ZarrDataset(folder / "xy.zarr", window=2)
        return DataLoader(dataset, 8, sampler=dataset.sampler(seed=seed))

    whole, stopped, resumed = loader(5), loader(5), loader(6)
    numbers(whole), numbers(stopped)
    under_way = iter(stopped)
    first = numbers(next(under_way) for _ in range(delivered))
    resumed.restore(pickle.loads(pickle.dumps(stopped.state())))
    under_way.close()
    rest = numbers(resumed)
    if delivered < len(whole):
        assert first + rest == numbers(whole)
        assert numbers(resumed) == numbers(whole)


def test_ranks_read_every_sample_once(folder):
    found = []
    for rank in range(3):
        with ZarrDataset(folder / "xy.zarr") as dataset:
            loader = DataLoader(dataset, 8, sampler=dataset.sampler(rank=rank, world_size=3, seed=1))
            found += numbers(loader)
    assert sorted(found) == Y.tolist()


def test_two_loops_at_once(folder):
    with ZarrDataset(folder / "xy.zarr", window=2) as dataset:
        loops = [iter(DataLoader(dataset, 10, sampler=dataset.sampler(seed=seed))) for seed in (1, 2)]
        found = [numbers([batch]) for pair in zip(*loops, strict=True) for batch in pair]
        assert sorted(itertools.chain(*found)) == sorted([*Y, *Y])


@pytest.mark.slow
def test_worker_processes_open_it_anew(folder):
    with ZarrDataset(folder / "xy.zarr", window=2) as dataset:
        loader = DataLoader(dataset, 10, sampler=dataset.sampler(seed=1), workers=2, start_method="spawn")
        assert sorted(numbers(loader)) == Y.tolist()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_opens_a_zip_anew(folder, tmp_path):
    path = zipped(folder / "xy.zarr", tmp_path)
    code = f"""if True:
        import os
        from pureml_data import ZarrDataset
        dataset = ZarrDataset({str(path)!r})
        child = os.fork()
        for _ in range(3):
            assert dataset[:][1].tolist() == list(range({N}))
        if not child:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_reads_a_zip_that_was_given_open_through_a_file_of_its_own(folder, tmp_path):
    path = zipped(folder / "xy.zarr", tmp_path)
    code = f"""if True:
        import os, zarr
        from pureml_data import ZarrDataset
        store = zarr.storage.ZipStore({str(path)!r}, mode="r")
        dataset = ZarrDataset(zarr.open_group(store, mode="r"))
        def position(): return os.lseek(store._zf.fp.fileno(), 0, os.SEEK_CUR)
        before = position()
        child = os.fork()
        if not child:
            os._exit(dataset[50][1].item() != 50)
        assert os.waitpid(child, 0)[1] == 0
        assert position() == before and dataset[50][1].item() == 50
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


def test_a_copy_opens_it_anew(folder):
    with ZarrDataset(folder / "xy.zarr", ["a label"], window=3) as dataset:
        copy = pickle.loads(pickle.dumps(dataset))
    assert copy[7][0].item() == 7 and (copy.window, copy.fields) == (3, ("a label",))


# ---- where it lies


def zipped(folder, into):
    path = into / "packed.zip"
    store = zarr.storage.ZipStore(path, mode="w")
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            store._sync_open() if not store._is_open else None
            store._zf.write(file, file.relative_to(folder).as_posix())
    store.close()
    return path


def test_a_zip_file(folder, tmp_path):
    path = zipped(folder / "xy.zarr", tmp_path)
    with ZarrDataset(path) as dataset:
        assert sorted(numbers(DataLoader(dataset, 9, shuffle=True))) == Y.tolist()


@pytest.mark.parametrize(
    "settings",
    [
        {"chunks": (7, 2, 2)},
        {"chunks": (1000, 1, 3)},
        {"chunks": (5, 2, 3), "shards": (20, 2, 3)},
        {"zarr_format": 2},
        {"zarr_format": 2, "order": "F", "chunks": (9, 2, 2)},
    ],
)
def test_arrays_that_others_wrote(tmp_path, settings):
    group = zarr.open_group(tmp_path / "g", mode="w", zarr_format=settings.get("zarr_format", 3))
    settings.pop("zarr_format", None)
    group.create_array("x", shape=X.shape, dtype=X.dtype, **settings)[:] = X
    group.create_array("y", shape=Y.shape, dtype=Y.dtype, chunks=(50,))[:] = Y
    for source in (tmp_path / "g", str(tmp_path / "g"), zarr.open_group(tmp_path / "g", mode="r")):
        dataset = ZarrDataset(source)
        assert dataset.fields == ("x", "y")
        assert sorted(numbers(DataLoader(dataset, 9, sampler=dataset.sampler()))) == Y.tolist()
        assert sorted(numbers(DataLoader(ZarrDataset(source, ["x", "y"]), 9))) == Y.tolist()
    (y,) = ZarrDataset(zarr.open_array(tmp_path / "g" / "y"))[:3]
    assert y.tolist() == [0, 1, 2]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def url(folder):
    """Of a server on loopback that shows the folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_over_http(url):
    pytest.importorskip("obstore", reason="needs pureml-data[remote]")
    with ZarrDataset(f"{url}/xy.zarr", window=2) as dataset:
        loader = DataLoader(dataset, 10, sampler=dataset.sampler(seed=0), prefetch=2)
        assert sorted(numbers(loader)) == Y.tolist()
        copy = pickle.loads(pickle.dumps(dataset))
        assert copy[3][1].item() == 3
    with ZarrDataset(f"{url}/x.zarr") as dataset:
        np.testing.assert_array_equal(dataset[:][0].data, X)
    with pytest.raises(FileNotFoundError, match="no zarr array or group"):
        ZarrDataset(f"{url}/nowhere.zarr")
    with pytest.raises(KeyError, match="no array 'z'"):
        ZarrDataset(f"{url}/xy.zarr", ["z"])


def test_a_group_of_others_over_http_needs_its_fields(folder, url):
    pytest.importorskip("obstore", reason="needs pureml-data[remote]")
    zarr.create_array(folder / "others.zarr", name="y", data=Y)
    with ZarrDataset(f"{url}/others.zarr", ["y"]) as dataset:
        assert dataset[5][0].item() == 5
    with pytest.raises(OSError, match=r"others\.zarr: its server does not list names, give fields") as raised:
        ZarrDataset(f"{url}/others.zarr", storage_options={"retry_config": {"max_retries": 0}})
    assert "501" in str(raised.value) and "\n" not in str(raised.value)  # the server's page is left out


def test_a_server_that_cannot_be_reached_is_an_oserror():
    pytest.importorskip("obstore", reason="needs pureml-data[remote]")
    with pytest.raises(OSError, match=r"http://127\.0\.0\.1:9/x: "):
        ZarrDataset("http://127.0.0.1:9/x", storage_options={"retry_config": {"max_retries": 0}})


@pytest.mark.slow
def test_on_s3(folder):
    pytest.importorskip("obstore", reason="needs pureml-data[remote]")
    server_module = pytest.importorskip("moto.server", reason="needs moto[s3], flask, flask-cors")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        made = http.client.HTTPConnection(host, port)
        made.request("PUT", "/bucket", headers={"Host": f"{host}:{port}"})
        assert made.getresponse().status == 200
        made.close()
        options = {
            "endpoint": f"http://{host}:{port}",
            "access_key_id": "x",
            "secret_access_key": "x",
            "region": "us-east-1",
            "client_options": {"allow_http": True},
        }
        from obstore.store import from_url

        bucket = from_url("s3://bucket", **options)
        for file in (folder / "xy.zarr").rglob("*"):
            if file.is_file():
                bucket.put(f"deep/{file.relative_to(folder).as_posix()}", file.read_bytes())
        with ZarrDataset("s3://bucket/deep/xy.zarr", storage_options=options) as dataset:
            assert sorted(numbers(DataLoader(dataset, 10, sampler=dataset.sampler(seed=0)))) == Y.tolist()
        with pytest.raises(FileNotFoundError):
            ZarrDataset("s3://bucket/nowhere", storage_options=options)
        target = "s3://bucket/new/xy.zarr"
        assert write_zarr(target, zip(X, Y, strict=True), chunk=10, storage_options=options) == N
        with ZarrDataset(target, storage_options=options) as dataset:
            np.testing.assert_array_equal(dataset[:][1].data, Y)
        with pytest.raises(FileExistsError, match="remove it or take another name"):
            write_zarr(target, X, storage_options=options)
        server.stop()
        with pytest.raises(OSError, match=r"^s3://bucket/other: "):
            write_zarr("s3://bucket/other", X, storage_options=options | {"retry_config": {"max_retries": 0}})
    finally:
        server.stop()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("opened", ["{}", "zarr.open_group(zarr.storage.ObjectStore(from_url({})), mode='r')"])
def test_a_forked_process_refuses_a_url(url, opened):
    pytest.importorskip("obstore", reason="needs pureml-data[remote]")
    code = f"""if True:
        import os, zarr
        from functools import partial
        from obstore.store import from_url
        from pureml_data import ZarrDataset
        from_url = partial(from_url, client_options={{"allow_http": True}})
        dataset = ZarrDataset({opened.format(repr(url + "/xy.zarr"))})
        child = os.fork()
        if not child:
            try:
                dataset[0]
            except RuntimeError as error:
                os._exit("start_method='spawn'" in str(error))
            os._exit(2)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 1)
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


def test_without_obstore_a_url_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ImportError, match=r"pip install pureml-data\[remote\]"):
        ZarrDataset("s3://bucket/x.zarr")


def test_a_kind_of_url_that_nobody_knows():
    pytest.importorskip("obstore", reason="needs pureml-data[remote]")
    with pytest.raises(ValueError, match="cannot be opened"):
        ZarrDataset("gopher://x/y")


# ---- errors


def test_what_cannot_be_opened(folder, tmp_path):
    (tmp_path / "text").write_text("no zip")
    (tmp_path / "empty").mkdir()
    group = zarr.open_group(tmp_path / "g", mode="w")
    group.create_array("a", shape=(3,), dtype="f4")
    group.create_array("b", shape=(4,), dtype="f4")
    group.create_array("c", shape=(3,), dtype="datetime64[s]")
    group.create_array("d", shape=(), dtype="f4")
    group.create_group("none")
    for name, metadata in {
        "garbage": "{",
        "list": "[]",
        "no type": '{"zarr_format": 3, "node_type": "array"}',
        "note": '{"zarr_format": 3, "node_type": "group", "attributes": {"pureml_data": 3}}',
        "names": '{"zarr_format": 3, "node_type": "group", "attributes": {"pureml_data": {"fields": [3]}}}',
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "zarr.json").write_text(metadata)
    table = [
        *[
            (partial(ZarrDataset, tmp_path / name), ValueError, f"{name}: the zarr metadata cannot be read")
            for name in ("garbage", "list", "no type", "note", "names")
        ],
        (lambda: ZarrDataset(tmp_path / "g", ["a", "a"]), ValueError, "fields must differ"),
        (lambda: ZarrDataset(tmp_path / "g", ["a", 3]), TypeError, "names of arrays, given 3"),
        (lambda: ZarrDataset(tmp_path / "g", "a", storage_options={"region": "x"}), ValueError, "are for a URL"),
        (lambda: ZarrDataset(tmp_path / "nowhere"), FileNotFoundError, "no zarr array or group"),
        (lambda: ZarrDataset(tmp_path / "empty"), FileNotFoundError, "no zarr array or group"),
        (lambda: ZarrDataset(tmp_path / "text"), ValueError, "neither a folder nor a zip"),
        (lambda: ZarrDataset(3), TypeError, "a path, a URL, a zarr array or group"),
        (lambda: ZarrDataset(tmp_path / "g", ["a", "b"]), ValueError, "equally long"),
        (lambda: ZarrDataset(tmp_path / "g", ["a", "c"]), TypeError, "c is datetime64"),
        (lambda: ZarrDataset(tmp_path / "g", ["d"]), ValueError, "equally long"),
        (lambda: ZarrDataset(tmp_path / "g", ["e"]), KeyError, "no array 'e'"),
        (lambda: ZarrDataset(tmp_path / "g", ["none"]), KeyError, "no array 'none'"),
        (lambda: ZarrDataset(tmp_path / "g" / "none"), ValueError, "holds no arrays"),
        (lambda: ZarrDataset(folder / "x.zarr", ["x"]), ValueError, "an array and not a group"),
        (lambda: ZarrDataset(folder / "x.zarr", window=0), ValueError, "window must be at least 1"),
        (lambda: ZarrDataset(folder / "x.zarr", prefetch=-1), ValueError, "prefetch must be at least 0"),
        (lambda: ZarrDataset(folder / "x.zarr")[N], IndexError, "out of range for 103"),
        (lambda: ZarrDataset(folder / "x.zarr")[1.5], TypeError, "an int, a slice or an index array"),
        (lambda: list(ZarrDataset(folder / "x.zarr").read_in_order([[-N - 1]])), IndexError, "out of range"),
    ]
    for f, error, match in table:
        with pytest.raises(error, match=match):
            f()
    assert not reading_threads()


class Payload:
    """Pickled, it makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


PICKLE = {"id": "pickle", "protocol": 4}
HOSTILE = {
    "a compressor": {"dtype": "<f4", "compressor": PICKLE, "filters": None},
    "a filter": {"dtype": "<f4", "compressor": None, "filters": [PICKLE]},
    "a filter between others": {
        "dtype": "|u1",
        "compressor": None,
        "filters": [{"id": "shuffle", "elementsize": 1}, PICKLE],
    },
    "objects": {"dtype": "|O", "compressor": None, "filters": [PICKLE]},
    "objects behind text": {"dtype": "|O", "compressor": None, "filters": [{"id": "vlen-utf8"}, PICKLE]},
    "a codec": "pickle",
    "a codec of numcodecs": "numcodecs.pickle",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_array_is_unpickled(tmp_path, name):
    source, made, how = tmp_path / "a", tmp_path / "made", HOSTILE[name]
    zarr.create_array(source, shape=(4,), dtype="f4", zarr_format=3 if isinstance(how, str) else 2)
    metadata = source / ("zarr.json" if isinstance(how, str) else ".zarray")
    about = json.loads(metadata.read_text())
    if isinstance(how, str):
        about["codecs"][1:] = [{"name": how, "configuration": {}}]
        (source / "c").mkdir()
    else:
        about |= how
    metadata.write_text(json.dumps(about))
    payload = pickle.dumps(Payload(str(made)))
    (source / ("c/0" if isinstance(how, str) else "0")).write_bytes(payload)
    with pytest.raises((ValueError, TypeError), match=re.escape(str(source))):
        ZarrDataset(source)[:]
    assert not made.exists()
    pickle.loads(payload)
    assert made.exists()  # it would have done so


BLOSC = {  # how a chunk of 4 float32 is packed
    "zarr v3": {"compressors": zarr.codecs.BloscCodec(), "filters": None},
    "zarr v2": {"zarr_format": 2, "compressors": numcodecs.Blosc(), "filters": None},
    "a filter of v2": {"zarr_format": 2, "compressors": None, "filters": [numcodecs.Blosc()]},
    "shards": {"compressors": zarr.codecs.BloscCodec(), "filters": None, "chunks": (4,), "shards": (4,)},
}


@pytest.mark.parametrize("cut", [16, 10, 0])
@pytest.mark.parametrize("name", BLOSC)
def test_a_chunk_that_lies_about_its_size_is_refused(tmp_path, name, cut):
    source = tmp_path / "a"
    array = zarr.create_array(source, shape=(4,), dtype="f4", **{"chunks": (4,), **BLOSC[name]})
    array[:] = np.arange(1, 5)
    assert ZarrDataset(source)[:][0].data.tolist() == [1, 2, 3, 4]
    (file,) = (path for path in source.rglob("*") if path.is_file() and "zarr" not in path.name and path.name[0] != ".")
    chunk = struct.pack("<BBBBIII", 2, 1, 0x93, 4, 16, 16, 32)  # "I am a copy of 16 bytes", of which none are there
    file.write_bytes(sharded(chunk[:cut]) if name == "shards" else chunk[:cut])
    with pytest.raises(ValueError, match=r"bytes (claims to be 32|has no header)"):
        ZarrDataset(source)[:]


def sharded(chunk):
    """The file of a shard with one chunk: the chunk, where it is, and a crc32c of that."""
    index = struct.pack("<QQ", 0, len(chunk))
    return chunk + index + struct.pack("<I", CRC32C.checksum(index))


def test_any_use_after_close_is_an_error(folder):
    dataset = ZarrDataset(folder / "xy.zarr")
    under_way = iter(DataLoader(dataset, 10))
    next(under_way)
    with dataset:
        pass
    dataset.close()
    uses = [
        lambda: len(dataset),
        lambda: dataset[0],
        lambda: dataset.arrays,
        lambda: dataset.chunk,
        lambda: dataset.sampler(),
        lambda: dataset.__enter__(),
        lambda: pickle.dumps(dataset),
        lambda: next(under_way),
        lambda: list(dataset.read_in_order([0])),
    ]
    for use in uses:
        with pytest.raises(ValueError, match="closed"):
            use()
    assert not reading_threads()


def test_a_zip_is_closed_for_good_and_by_dropping_the_dataset(folder, tmp_path):
    path = zipped(folder / "xy.zarr", tmp_path)
    held = weakref.WeakSet()

    def opened():
        dataset = ZarrDataset(path)
        store = dataset.arrays[0].store_path.store._store
        held.add(store._zf.fp)
        return dataset, store

    gc.disable()
    try:
        dataset, store = opened()
        array = dataset.arrays[0]
        dataset.close()
        with pytest.raises(ValueError, match="is closed"):  # a thread that reads on opens nothing anew
            array[:1]
        assert store._zf.fp is None
        del dataset, store, array
        dataset, _ = opened()
        dataset[0]
        del dataset, _
        assert not held
    finally:
        gc.enable()


def broken(folder, tmp_path, damage):
    """A copy of which chunk 5 of x is damaged."""
    shutil.copytree(folder / "xy.zarr", tmp_path / "broken.zarr")
    damage(tmp_path / "broken.zarr" / "x" / "c" / "5" / "0" / "0")
    return tmp_path / "broken.zarr"


def test_a_chunk_is_missed_also_in_a_field_that_is_opened_by_itself(folder, tmp_path):
    dataset = ZarrDataset(broken(folder, tmp_path, Path.unlink) / "x")
    with pytest.raises(ValueError, match="is missing"):
        dataset[50]


@pytest.mark.parametrize("prefetch", [0, 1])
@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda p: p.write_bytes(b""), lambda p: p.write_bytes(p.read_bytes()[:50])]
)
def test_a_damaged_or_missing_chunk_is_an_error_at_its_batch(folder, tmp_path, damage, prefetch):
    path = broken(folder, tmp_path, damage)
    with ZarrDataset(path, window=1, prefetch=prefetch) as dataset:
        loop = iter(DataLoader(dataset, CHUNK))
        assert numbers(next(loop) for _ in range(5)) == Y[:50].tolist()
        with pytest.raises(ValueError, match=r"broken\.zarr: the samples 50 \.\.\. 59 cannot be read"):
            next(loop)
        assert dataset[60][1].item() == 60
    assert not reading_threads()


def test_the_thread_ends_with_an_early_stop(folder):
    with ZarrDataset(folder / "xy.zarr") as dataset:
        for _ in DataLoader(dataset, 4):
            break
        assert not reading_threads()
        loop = iter(DataLoader(dataset, 4))
        next(loop)
        assert reading_threads()
        del loop
        assert not reading_threads()


def reading_threads():
    return [t for t in threading.enumerate() if t.name == "pureml-prefetch"]


# ---- writing


@pytest.mark.parametrize(
    ("samples", "batched", "expected"),
    [
        ([1, 2, 3], False, [np.array([1, 2, 3])]),
        ([(True, 0.5), (False, 1.5)], False, [np.array([True, False]), np.array([0.5, 1.5])]),
        ([{"a": Tensor([1.0]), "b": np.float32(2)}], False, [np.array([[1.0]]), np.array([2], np.float32)]),
        ([np.arange(5), np.arange(0), np.arange(11)], True, [np.array([*range(5), *range(11)])]),
        (([(X[:3], Y[:3]), (X[3:], Y[3:])]), True, [X, Y]),
        ([np.zeros((2, 0))], True, [np.zeros((2, 0))]),
        ([2**63], False, [np.array([2**63], np.uint64)]),  # C has two unsigned integers of this size
        ([np.longlong(3)], False, [np.array([3])]),
        ([np.asfortranarray(X[0]), X[1][::-1]], False, [np.stack([X[0], X[1][::-1]])]),
    ],
)
@pytest.mark.parametrize("chunk", [None, 1, 4])
def test_what_is_written_is_read(tmp_path, samples, batched, expected, chunk):
    n = write_zarr(tmp_path / "new", iter(samples), batched=batched, chunk=chunk, compression_level=0)
    assert n == len(expected[0])
    with ZarrDataset(tmp_path / "new") as dataset:
        for found, array in zip(dataset[:], expected, strict=True):
            assert found.dtype == array.dtype
            np.testing.assert_array_equal(found.data, array)
    assert os.listdir(tmp_path) == ["new"]


def test_a_loader_can_be_written(folder, tmp_path):
    with ZarrDataset(folder / "xy.zarr") as dataset:
        write_zarr(tmp_path / "shuffled", DataLoader(dataset, 16, shuffle=True), batched=True)
    assert sorted(numbers([ZarrDataset(tmp_path / "shuffled")[:]])) == Y.tolist()


def failing():
    yield 1
    raise OSError("the source is gone")


@pytest.mark.parametrize(
    ("samples", "settings", "error", "match"),
    [
        ([], {}, ValueError, "given no samples"),
        ([1, 2.5], {}, ValueError, "sample 1 has the fields .*float64.* before it .*int64"),
        ([np.zeros(2), np.zeros(3)], {}, ValueError, "sample 1 has the fields"),
        ([{"a": 1}, {"b": 1}], {}, ValueError, "sample 1 has the fields"),
        ([{1: 1, "1": 2}], {}, ValueError, r"names of fields must differ .*\[1, '1'\]"),
        ([{"": 1, "y": 2}], {}, ValueError, "not be ''"),
        ([{"zarr.json": 1}], {}, ValueError, "or 'zarr.json'"),
        ([{"../x": 1}], {}, ValueError, "invalid"),
        ([(np.zeros(2), np.zeros(3))], {"batched": True}, ValueError, "equally long"),
        ([1.0], {"batched": True}, ValueError, "along a first axis"),
        ([()], {}, ValueError, "at least one"),
        (["text"], {}, TypeError, "needed numbers or booleans"),
        ([1], {"chunk": 0}, ValueError, "chunk must be at least 1"),
        ([1], {"compression_level": 10}, ValueError, "0 to 9"),
        ([1], {"batched": 1}, TypeError, "True or False"),
        (failing(), {"chunk": 1}, OSError, "the source is gone"),
    ],
)
def test_nothing_is_left_of_what_fails(tmp_path, samples, settings, error, match):
    with pytest.raises(error, match=match):
        write_zarr(tmp_path / "new", samples, **settings)
    assert os.listdir(tmp_path) == []


def test_nothing_is_replaced(tmp_path):
    write_zarr(tmp_path / "new", [1])
    with pytest.raises(FileExistsError, match="remove it or take another name"):
        write_zarr(tmp_path / "new", [2])
    with pytest.raises(FileNotFoundError, match="no such folder"):
        write_zarr(tmp_path / "nowhere" / "new", [2])
    assert ZarrDataset(tmp_path / "new")[0][0].item() == 1


@pytest.mark.slow
def test_more_than_memory_needs_little(tmp_path):
    """160 MB written and read by processes that hold a few chunks of 1 MB."""
    code = """if True:
        import resource, sys
        import numpy as np
        from pureml_data import DataLoader, ZarrDataset, write_zarr
        path, rows = sys.argv[1], 16
        def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        batch = np.ones((rows, 2**14), np.float32)  # 1 MB
        write_zarr(path + "/warm", [batch], batched=True, chunk=rows)
        list(DataLoader(ZarrDataset(path + "/warm"), rows))
        before = peak()
        write_zarr(path + "/large", (batch + i for i in range(160)), batched=True, chunk=rows)
        dataset = ZarrDataset(path + "/large", window=4)
        n = sum(len(x) for (x,) in DataLoader(dataset, rows, sampler=dataset.sampler(seed=0)))
        print(n, peak() - before)
    """
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    n, grown = map(int, done.stdout.split())
    assert n == 2560 and grown < 40


def test_a_url_is_written_whole_or_emptied(tmp_path):
    pytest.importorskip("obstore", reason="needs pureml-data[remote]")
    url = (tmp_path / "a").as_uri()
    (tmp_path / "a").mkdir()
    assert write_zarr(url, ({"x": x, "y": y} for x, y in zip(X, Y, strict=True)), chunk=10) == N
    np.testing.assert_array_equal(ZarrDataset(url, ["y"])[:][0].data, Y)
    with pytest.raises(FileExistsError, match="remove it or take another name"):
        write_zarr(url, X)
    np.testing.assert_array_equal(ZarrDataset(tmp_path / "a", ["y"])[:][0].data, Y)
    (tmp_path / "b").mkdir()
    with pytest.raises(KeyboardInterrupt):
        write_zarr((tmp_path / "b").as_uri(), interrupted(X), chunk=10)
    assert not [path for path in (tmp_path / "b").rglob("*") if path.is_file()]


def interrupted(samples):
    yield from samples
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("path", "samples", "settings", "error", "says"),
    [
        ("a", X, {"storage_options": {}}, ValueError, "storage_options are for a URL"),
        ("http://127.0.0.1:9/a", X, {}, ValueError, "an HTTP server is not written to"),
        ("nonsense://a/b", X, {}, ValueError, "cannot be opened"),
        ("a", 5, {}, TypeError, "given samples as int, needed an iterable"),
        ("a", {"x": X}, {}, TypeError, "given samples as dict, needed an iterable of samples; columns"),
    ],
)
def test_where_and_what_cannot_be_written(path, samples, settings, error, says):
    pytest.importorskip("obstore", reason="needs pureml-data[remote]")
    with pytest.raises(error, match=says):
        write_zarr(path, samples, **settings)


def test_a_zip_behind_a_url_is_refused():
    with pytest.raises(ValueError, match="a zip behind a URL is not read; fetch it"):
        ZarrDataset("http://127.0.0.1:9/a.zip")
