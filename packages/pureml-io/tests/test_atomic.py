"""A file is old or new, never half: when writers are killed, raise, or write at once."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from pureml_core.state import State
from pureml_io import load, save
from pureml_io.atomic import replacing

KILLED = """
import os, random, signal, sys, time
import numpy as np
from pureml_core.state import State
from pureml_io import load, save

path, kills = sys.argv[1], int(sys.argv[2])
random.seed(0)
numbers = np.random.default_rng(0).integers(0, 100, (4, 200_000))

def state(i):
    return State("demo", {str(k): numbers[k] + i for k in range(4)}, {"i": i})

start = time.perf_counter()
save(state(0), path)
took = time.perf_counter() - start  # on this machine, with whatever else runs on it
seen, leftovers = set(), 0
for kill in range(kills):
    child = os.fork()
    if child == 0:
        i = 1000 * kill
        while True:
            i += 1
            save(state(i), path)
    time.sleep(random.uniform(0.0, max(0.08, 5 * took)))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    loaded = load(path)
    seen.add(loaded.literals["i"])
    for k in range(4):
        assert np.array_equal(loaded.arrays[str(k)], numbers[k] + loaded.literals["i"])
    leftovers += any(name.endswith(".tmp") for name in os.listdir(os.path.dirname(path)))
save(state(-1), path)
print(len(seen), leftovers, os.listdir(os.path.dirname(path)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_killed_while_saving(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "a"), os.environ.get("PUREML_KILLS", "20")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    seen, leftovers, files = done.stdout.split(maxsplit=2)
    assert int(seen) > 1, "the writer never finished a file"
    assert int(leftovers) > 0, "the writer was never killed in the middle"
    assert files.strip() == "['a.pureml.zip']", "litter stayed after the next save"


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
