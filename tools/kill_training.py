"""Kill a training run again and again; resumed, it must end with the weights of a run that was never killed.

    python tools/kill_training.py [--kills 50] [--seed 0] [--background]

The run has all that draws numbers or remembers something: dropout, batch normalisation, Adam on a one-cycle schedule, a
shuffled loader, which is left in the middle of an epoch, and an average of weights. It saves a checkpoint every three
steps; the parent kills it (SIGKILL) after a random number of steps and a random fraction of one.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

STEPS = 400


def train(folder: Path, background: bool) -> None:
    """Go on from whatever the folder holds, to the end; prints every step that is done."""
    from pureml_core import set_seed
    from pureml_data import DataLoader, TensorDataset
    from pureml_io import Checkpoint
    from pureml_nn import CCE, Affine, BatchNorm1d, Dropout, Sequential, relu
    from pureml_optim import EMA, Adam, OneCycleLR

    set_seed(1)
    rng = np.random.default_rng(0)
    data = TensorDataset(rng.standard_normal((250, 20)).astype(np.float32), rng.integers(0, 3, 250))
    model = Sequential(Affine(20, 64), BatchNorm1d(64), relu, Dropout(0.3), Affine(64, 3))
    optim = Adam(model, lr=1e-3)
    schedule = OneCycleLR(optim, 0.01, total_steps=STEPS)
    loader = DataLoader(data, batch_size=32, shuffle=True)
    ema = EMA(model, 0.99)
    objects = {"model": model, "optim": optim, "schedule": schedule, "loader": loader, "ema": ema}
    with Checkpoint(folder, objects, every=3, background=background) as checkpoint:
        found = checkpoint.restore()
        step = found.step if found else 0
        while step < STEPS:
            for X, Y in loader:
                schedule.step()
                optim.zero_grad()
                CCE(Y, model(X), from_logits=True).backward()
                optim.step()
                ema.update()
                step += 1
                checkpoint.save(step)
                print(step, flush=True)
                if step == STEPS:
                    break
    model.save_state(folder / "final")
    ema.save_state(folder / "average")


def arrays(folder: Path) -> dict[str, np.ndarray]:
    from pureml_io import load

    return {f"{name}.{key}": a for name in ("final", "average") for key, a in load(folder / name).arrays.items()}


def start(folder: Path, background: bool) -> "subprocess.Popen[str]":
    command = [sys.executable, __file__, "--train", str(folder), *(["--background"] if background else [])]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--background", action="store_true", help="write the checkpoints in a thread")
    parser.add_argument("--train", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train(options.train, options.background)
        return
    draws = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as work:
        whole, killed = Path(work) / "whole", Path(work) / "killed"
        if start(whole, options.background).communicate() and not (whole / "final.pureml.zip").exists():
            sys.exit("the run that is not killed failed")
        reached = [0]
        for _ in range(options.kills):
            process = start(killed, options.background)
            assert process.stdout is not None
            for _ in range(draws.randint(1, max(1, 2 * STEPS // options.kills))):
                line = process.stdout.readline()
                reached.append(int(line or reached[-1]))
            time.sleep(draws.random() * 0.005)
            process.kill()
            process.wait()
            process.stdout.close()
        if start(killed, options.background).wait():
            sys.exit("the last run failed")
        expected, found = arrays(whole), arrays(killed)
        different = [name for name in expected if not np.array_equal(expected[name], found[name])]
        litter = [path.name for path in killed.iterdir() if path.name.endswith(".tmp")]
    if different or litter:
        sys.exit(f"different: {different}; litter: {litter}")
    print(
        f"killed {options.kills} times on the way to step {max(reached)}: {len(expected)} arrays equal to the last bit"
    )


if __name__ == "__main__":
    main()
