"""Kills a process at random moments of saving: the newest whole state loads each time, and litter goes.

    python tools/kill_while_saving.py [--kills 500] [--seed 0] [--checkpoints [--background]] [--folder FOLDER]

A child saves states of growing number, over one file or with `--checkpoints` as the steps of a run of which three stay,
and says after each which is done. After it was killed, what loads must be that state or the one begun after it (written
in the background, also the one before it); after the next save nothing else may be in the folder.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pureml_core.state import State
from pureml_io import Checkpoint, load, save

SHAPES = {"L1.W": (784, 256), "L1.b": (256,), "L2.W": (256, 10), "L2.b": (10,)}  # of MNIST_BEATER
KEEP = 3


def state(i: int) -> State:
    rng = np.random.default_rng(0)
    arrays = {name: rng.standard_normal(shape).astype(np.float32) + np.float32(i) for name, shape in SHAPES.items()}
    return State("killed/1", arrays, {"i": i})


class Model:
    """What is saved: its state is that of a number."""

    def __init__(self) -> None:
        self.now = state(0)

    def state(self) -> State:
        return self.now

    def restore(self, given: State, *, strict: bool = True) -> None:
        self.now = given


class OneFile:
    """States saved over one another."""

    behind = 0  # how many saves that were called done may be missing

    def __init__(self, folder: Path) -> None:
        self.path = folder / "model.pureml.zip"

    def save(self, i: int) -> None:
        save(state(i), self.path)

    def load(self) -> State:
        return load(self.path)

    def names(self) -> list[str]:
        """Of the files that belong here."""
        return [self.path.name]

    def wait(self) -> None:
        """Until what was saved is there."""


class Steps:
    """States saved as the steps of a training run."""

    def __init__(self, folder: Path, background: bool) -> None:
        self.model = Model()
        self.checkpoint = Checkpoint(folder, {"model": self.model}, keep=KEEP, background=background)
        self.behind = int(background)
        self.wait = self.checkpoint.close

    def save(self, i: int) -> None:
        self.model.now = state(i)
        self.checkpoint.save(i)

    def load(self) -> State:
        found = self.checkpoint.restore()
        assert found and not found.skipped, f"found {found}"
        return self.model.now

    def names(self) -> list[str]:
        return [f"step-{step:010d}.pureml.zip" for step in self.checkpoint.steps[-KEEP:]]


def killed(make: Callable[[], OneFile | Steps], i: int, delay: float) -> int:
    """Have a child save the states after `i` until it is killed; returns the last that it called done."""
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(here)
        saver = make()
        saver.load()
        while True:
            i += 1
            saver.save(i)
            os.write(there, i.to_bytes(8, "little"))
    os.close(there)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(here, "rb") as reports:
        told = reports.read()
    return int.from_bytes(told[-8:], "little") if told else i


def campaign(folder: Path, make: Callable[[], OneFile | Steps], kills: int, seed: int) -> tuple[int, int]:
    """How often something was left behind, and how many saves went well; AssertionError if a promise is broken."""
    rng, saver = random.Random(seed), make()
    start = time.perf_counter()
    saver.save(0)
    saver.wait()
    took = time.perf_counter() - start  # on this machine, with whatever else runs on it
    newest, torn = 0, 0
    for _ in range(kills):
        done = killed(make, newest, rng.uniform(0, max(0.05, 4 * took)))
        left = set(os.listdir(folder))
        saver = make()
        loaded = saver.load()
        newest = loaded.literals["i"]
        assert done - saver.behind <= newest <= done + 1, f"state {done} was saved, state {newest} was found"
        for name, array in state(newest).arrays.items():
            assert np.array_equal(loaded.arrays[name], array), f"state {newest}: {name!r} is another"
        torn += left != set(saver.names())
        newest += 1
        saver.save(newest)
        saver.wait()
        assert sorted(os.listdir(folder)) == saver.names(), f"litter stayed: {os.listdir(folder)}"
    return torn, newest


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=500)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--checkpoints", action="store_true", help="save the steps of a run into a folder")
    options.add_argument("--background", action="store_true", help="write the steps in a thread")
    options.add_argument("--folder", help="where to write")
    given = options.parse_args()
    if not hasattr(os, "fork"):
        sys.exit("this system has neither fork nor SIGKILL")
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)

        def make() -> OneFile | Steps:
            return Steps(folder, given.background) if given.checkpoints else OneFile(folder)

        torn, saved = campaign(folder, make, given.kills, given.seed)
    print(f"{given.kills} kills, {torn} of them within a write, {saved} saves done: every state whole, no litter")


if __name__ == "__main__":
    main()
