"""ArrayStorage behind URLs: a real HTTP server and an S3 server, both on loopback."""

import contextlib
import http.client
import os
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from pureml_io import ArchiveError, ArrayStorage

ROWS = np.arange(21.0).reshape(7, 3)


@pytest.fixture(scope="module", autouse=True)
def extra():
    pytest.importorskip("obstore", reason="needs pureml-io[remote]")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def site(tmp_path):
    """A folder and the URL under which a server shows it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield tmp_path, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def published(site):
    folder, url = site
    with ArrayStorage(folder / "data.v1", "w") as s:
        s.write(ROWS, "x/b", arrays_per_chunk=3)
        s.write(np.array(["a", "bc"]), "text", arrays_per_chunk=3)
        s.add_attr("a", [1, 2])
        s.compress(compression_level=3)
    return folder, url


@pytest.mark.parametrize("name", ["data.v1", "data.v1.zarr", "data.v1.zip", "data.v1.zarr/"])
def test_reading_over_http(published, name):
    _, url = published
    with ArrayStorage(f"{url}/{name}", "r") as s:
        np.testing.assert_array_equal(s.read("x/b"), ROWS)
        np.testing.assert_array_equal(s.read("x/b", [6, 0]), ROWS[[6, 0]])
        np.testing.assert_array_equal(np.concatenate(list(s.block_iter("x/b", step=2))), ROWS)
        assert s.read("text", -1) == "bc" and s.get_attr("a") == [1, 2]
        assert s.store_path == url + "/" + ("data.v1.zip" if "zip" in name else "data.v1.zarr")
        with pytest.raises(KeyError):
            s.read("y")
        with pytest.raises(RuntimeError, match="read-only"):
            s.write(ROWS, "x/b")


@pytest.mark.parametrize("name", ["%C3%A4%20b", "ä b"])
@pytest.mark.parametrize("kind", ["zarr", "zip", "ZIP"])
def test_names_in_urls(site, name, kind):
    folder, url = site
    with ArrayStorage(folder / "ä b", "w") as s:
        s.write(ROWS, "b", arrays_per_chunk=3)
        s.compress(folder / f"ä b.{kind}" if kind != "zarr" else None, compression_level=1)
    with ArrayStorage(f"{url}/{name}.{kind}", "r") as s:
        np.testing.assert_array_equal(s.read("b"), ROWS)


def test_a_folder_on_an_http_server_cannot_be_listed(published, tmp_path):
    _, url = published
    with ArrayStorage(f"{url}/data.v1", "r") as s:
        for f in (s.block_names, lambda: s.compress(tmp_path, compression_level=1)):
            with pytest.raises(ValueError, match="does not list"):
                f()
    with ArrayStorage(f"{url}/data.v1.zip", "r") as s:
        assert s.block_names() == ["text", "x/b"]


def test_a_missing_chunk_over_http(published):
    folder, url = published
    (folder / "data.v1.zarr" / "x" / "b" / "c" / "1" / "0").unlink()
    with ArrayStorage(f"{url}/data.v1", "r") as s:
        assert s.read("x/b", 0).tolist() == [0, 1, 2]
        with pytest.raises(ArchiveError, match="missing"):
            s.read("x/b")


def test_temporary_files_go(published, tmp_path, monkeypatch):
    _, url = published
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    ArrayStorage(f"{url}/data.v1.zip", "r").close()
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    with pytest.raises(ArchiveError, match=r"bad\.zip"):
        ArrayStorage(f"{url}/bad.zip", "r")
    assert not any((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize(
    ("error", "path", "mode"),
    [
        (FileNotFoundError, "nothing", "r"),
        (FileNotFoundError, "nothing.zip", "r"),
        (ValueError, "data", "a"),
        (ValueError, "data.zip", "w"),
        (ValueError, "data?x=1", "r"),
    ],
)
def test_what_cannot_be_opened_over_http(site, error, path, mode):
    with pytest.raises(error, match=re.escape(f"{site[1]}/{path}")) as caught:
        ArrayStorage(f"{site[1]}/{path}", mode)
    assert "\n" not in str(caught.value)  # the server's page is left out


@pytest.mark.parametrize("name", ["data", "data.zip"])
def test_a_server_that_is_not_there(name):
    once = {"retry_config": {"max_retries": 0}}
    with pytest.raises(OSError, match=r"http://127\.0\.0\.1:1/data") as caught:
        ArrayStorage(f"http://127.0.0.1:1/{name}", "r", storage_options=once)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["carrier-pigeon://home/data", "s3://bucket", "s3://bucket.zip", "http://host/"])
def test_urls_that_cannot_be(url):
    with pytest.raises(ValueError, match=re.escape(url)) as caught:
        ArrayStorage(url, "r")
    assert caught.type is ValueError  # no damage


@contextlib.contextmanager
def served_bucket():
    """Options for a bucket named "bucket" on a server of this machine."""
    server_module = pytest.importorskip("moto.server", reason="needs moto[s3], flask, flask-cors")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    made = http.client.HTTPConnection(host, port)
    made.request("PUT", "/bucket", headers={"Host": f"{host}:{port}"})
    assert made.getresponse().status == 200
    made.close()
    yield {
        "endpoint": f"http://{host}:{port}",
        "access_key_id": "x",
        "secret_access_key": "x",
        "region": "us-east-1",
        "client_options": {"allow_http": True},
    }
    server.stop()


@pytest.fixture(scope="module")
def bucket():
    with served_bucket() as options:
        yield options


def test_a_server_that_goes():
    with served_bucket() as options:
        s = ArrayStorage("s3://bucket/going", "w", storage_options=options | {"retry_config": {"max_retries": 0}})
        s.write(ROWS, "b", arrays_per_chunk=3)
    for change in (
        lambda: s.write(ROWS, "b"),
        lambda: s.write(ROWS, "new", arrays_per_chunk=3),
        lambda: s.delete_block("b"),
        lambda: s.add_attr("a", 1),
        lambda: s.read("b"),
        s.block_names,
    ):
        with pytest.raises(OSError, match="s3://bucket/going"):
            change()
    s.close()


def test_writing_to_s3(bucket, tmp_path):
    url = "s3://bucket/deep/data"
    with pytest.raises(FileNotFoundError):
        ArrayStorage(url, "r", storage_options=bucket)
    with ArrayStorage(url, "w-", storage_options=bucket) as s:
        s.write(iter(ROWS), "x/b", arrays_per_chunk=3)
        s.write(ROWS, "x/b")
        s.write(ROWS, "gone", arrays_per_chunk=3)
        s.add_attr("a", (1, 2))
        with pytest.raises(ValueError, match="alike"):
            s.write([ROWS[0], ROWS[0, :2]], "x/b")
        s.delete_block("gone")
        assert s.block_names() == ["x/b"]
    for mode in ("w-", "x"):
        with pytest.raises(FileExistsError):
            ArrayStorage(url, mode, storage_options=bucket)
    with ArrayStorage(url, "r", storage_options=bucket) as s:
        np.testing.assert_array_equal(s.read("x/b"), np.concatenate([ROWS, ROWS]))
        np.testing.assert_array_equal(s.read("x/b", slice(2, -2)), np.concatenate([ROWS, ROWS])[2:-2])
        assert s.get_attr("a") == [1, 2]
        with pytest.raises(ValueError, match="beside"):
            s.compress(compression_level=1)
        path = s.compress(tmp_path, compression_level=1)
    assert os.path.basename(path) == "data.zip"
    with ArrayStorage(path, "r") as s:
        np.testing.assert_array_equal(s.read("x/b", [13]), ROWS[[6]])
    with ArrayStorage(url, "w", storage_options=bucket) as s:
        assert s.block_names() == []
