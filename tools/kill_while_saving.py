"""Kills a process at random moments of saving a model: the newest whole file loads each time, and litter goes.

    python tools/kill_while_saving.py [--kills 500] [--seed 0] [--folder FOLDER]

A child saves states of growing number over one file and says after each which is done. After it was killed, the file
must load and hold that state or the one begun after it; after the next save nothing else may be in the folder.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from pureml_core.state import State
from pureml_io import load, save

SHAPES = {"L1.W": (784, 256), "L1.b": (256,), "L2.W": (256, 10), "L2.b": (10,)}  # of MNIST_BEATER


def state(i: int) -> State:
    rng = np.random.default_rng(0)
    arrays = {name: rng.standard_normal(shape).astype(np.float32) + np.float32(i) for name, shape in SHAPES.items()}
    return State("killed/1", arrays, {"i": i})


def save_for_ever(path: Path, i: int, done: int) -> None:
    while True:
        i += 1
        save(state(i), path)
        os.write(done, i.to_bytes(8, "little"))


def killed(path: Path, i: int, delay: float) -> int:
    """Have a child save the states after `i` until it is killed; returns the last that it called done."""
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(here)
        save_for_ever(path, i, there)
    os.close(there)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(here, "rb") as reports:
        told = reports.read()
    return int.from_bytes(told[-8:], "little") if told else i


def campaign(folder: Path, kills: int, seed: int) -> tuple[int, int]:
    """How often a temporary file was left, and how many saves went well; AssertionError if a promise is broken."""
    rng, path = random.Random(seed), folder / "model.pureml.zip"
    start = time.perf_counter()
    save(state(0), path)
    took = time.perf_counter() - start  # on this machine, with whatever else runs on it
    newest, torn = 0, 0
    for _ in range(kills):
        done = killed(path, newest, rng.uniform(0, max(0.05, 4 * took)))
        loaded = load(path)
        newest = loaded.literals["i"]
        assert newest in (done, done + 1), f"state {done} was saved, state {newest} was found"
        for name, array in state(newest).arrays.items():
            assert np.array_equal(loaded.arrays[name], array), f"state {newest}: {name!r} is another"
        torn += len(os.listdir(folder)) > 1
        newest += 1
        save(state(newest), path)
        assert os.listdir(folder) == [path.name], f"litter stayed: {os.listdir(folder)}"
    return torn, newest


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=500)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--folder", help="where to write")
    given = options.parse_args()
    if not hasattr(os, "fork"):
        sys.exit("this system has neither fork nor SIGKILL")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        torn, saved = campaign(Path(folder), given.kills, given.seed)
    print(f"{given.kills} kills, {torn} of them within a write, {saved} saves done: every file whole, no litter")


if __name__ == "__main__":
    main()
