"""A file is old or new, never half: when writers are killed, raise, or write at once."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from pureml_core.state import State
from pureml_io import load, save
from pureml_io.atomic import remove_leftovers, replacing

SCRIPT = Path(__file__).parents[3] / "tools" / "kill_while_saving.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
@pytest.mark.skipif(not SCRIPT.exists(), reason="needs the repository's tools")
@pytest.mark.parametrize("what", [[], ["--checkpoints"], ["--checkpoints", "--background"]], ids="_".join)
def test_killed_while_saving(tmp_path, what):
    command = [sys.executable, str(SCRIPT), "--kills", "15", "--folder", str(tmp_path), *what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    kills, torn, saved = (int(word) for word in done.stdout.split() if word.isdecimal())
    assert kills == 15 and torn > 0, "the writer was never killed in the middle"
    assert saved > 15, "the writer never finished a save"


LAST = """
import atexit, pathlib, sys, threading
import numpy as np
from pureml_core.state import State
from pureml_io import load, save

folder = pathlib.Path(sys.argv[1])

def saved(name):
    save(State("demo", {"x": np.arange(2_000_000)}), folder / name)  # several chunks
    assert (load(folder / name).arrays["x"] == np.arange(2_000_000)).all()
    (folder / f"{name} is right").touch()

def later():
    threading.main_thread().join()
    saved("thread")

threading.Thread(target=later).start()
atexit.register(saved, "atexit")
"""


def test_the_last_save_of_a_program(tmp_path):
    subprocess.run([sys.executable, "-c", LAST, str(tmp_path)], check=True, timeout=600)
    assert {"thread is right", "atexit is right"} <= {p.name for p in tmp_path.iterdir()}


def test_concurrent_saves(tmp_path):
    states = [State("demo", {"x": np.full((1000, 300), i)}, {"i": i}) for i in range(4)]

    def write(i):
        for _ in range(10):
            save(states[i], tmp_path / "a")

    save(states[0], tmp_path / "a")
    writers = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        loaded = load(tmp_path / "a")
        assert (loaded.arrays["x"] == loaded.literals["i"]).all()
    assert [p.name for p in tmp_path.iterdir()] == ["a.pureml.zip"]


def test_an_exception_leaves_the_old_file(tmp_path):
    target = tmp_path / "f"
    target.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(target) as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_living_writer_keeps_its_file(tmp_path):
    target = tmp_path / "f"
    with replacing(target) as slow:
        slow.write(b"slow")
        with replacing(target) as quick:
            quick.write(b"quick")
        assert target.read_bytes() == b"quick"
    assert target.read_bytes() == b"slow"


def test_leftovers_of_this_target_only(tmp_path):
    mine, other = tmp_path / ".f~0123.tmp", tmp_path / ".g~0123.tmp"
    mine.touch()
    other.touch()
    with replacing(tmp_path / "f") as file:
        file.write(b"new")
    assert not mine.exists() and other.exists()


@pytest.mark.skipif(os.name == "nt", reason="needs permissions")
def test_permissions_stay(tmp_path):
    target = tmp_path / "f"
    target.write_bytes(b"old")
    for mode in (0o600, 0o444):
        target.chmod(mode)
        with replacing(target) as file:
            file.write(b"new")
        assert target.stat().st_mode & 0o777 == mode and target.read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_that_looks_like_a_leftover_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / ".f~0123.tmp")
    (tmp_path / ".f~4567.tmp").mkdir()
    cleaner = threading.Thread(target=remove_leftovers, args=(tmp_path, ".f~"), daemon=True)
    cleaner.start()
    cleaner.join(10)
    assert not cleaner.is_alive()


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    link = tmp_path / "link"
    try:
        link.symlink_to(tmp_path / "real")
    except OSError:
        pytest.skip("no links here")
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink() and (tmp_path / "real").read_bytes() == b"new"


def test_long_names(tmp_path):
    with replacing(tmp_path / ("é" * 127)) as file:
        file.write(b"new")
    assert len(list(tmp_path.iterdir())) == 1
