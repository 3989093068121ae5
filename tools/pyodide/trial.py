"""What run.py runs inside Pyodide. `python -W error trial.py` does the same in any Python that has the three packages,
with `core_cases` on its path."""

import sys
import time
from collections.abc import Iterator
from typing import Any

import core_cases
import numpy as np
import pureml_core
import pureml_nn
import pureml_optim
from pureml_nn import CCE, Affine, Sequential, relu
from pureml_optim import Adam


def spiral(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Two arms around each other, three quarters of a turn: X (2 points, 2), labels 0 and 1."""
    radius = np.linspace(0.1, 1.0, points)
    angle = 1.5 * np.pi * radius
    arm = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.concatenate([arm, -arm]), np.repeat([0, 1], points)


def train() -> bool:
    """Do a hundred steps separate what no line can?"""
    X, Y = spiral(100)
    model = Sequential(Affine(2, 32, seed=0), relu, Affine(32, 32, seed=1), relu, Affine(32, 2, seed=2))
    optimizer = Adam(model.parameters, lr=0.01)
    losses, start = [], time.perf_counter()
    for _ in range(100):
        optimizer.zero_grad()
        loss = CCE(Y, model(X), from_logits=True)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    seconds = time.perf_counter() - start
    accuracy = float(np.mean(model.eval()(X).numpy().argmax(axis=1) == Y))
    print(f"spiral: loss {losses[0]:.3f} -> {losses[-1]:.3f}, accuracy {accuracy:.1%}, {seconds:.2f} s")
    return accuracy >= 0.98 and losses[-1] < 0.2 * losses[0]


def failures(row: Any) -> Iterator[str]:
    """What a row of the table does not pass. Any exception is a finding here, and the rows after it are wanted too."""
    for name, check in vars(core_cases.checks).items():
        if name.startswith("check_") and check.__module__ == core_cases.checks.__name__:  # not the imported ones
            if (name == "check_error") is not isinstance(row, core_cases.Error):
                continue
            try:
                check(row)
            except Exception as error:
                message = " ".join(str(error).split())
                yield f"{name}: {row}: {type(error).__name__}: {message[:300]}"


def table() -> bool:
    """Does every row of core's table pass every check?"""
    start = time.perf_counter()
    found = [list(failures(row)) for row in (*core_cases.CASES, *core_cases.ERRORS)]
    seconds = time.perf_counter() - start
    for line in (line for lines in found for line in lines):
        print(line)
    print(f"core_cases: {found.count([])} of {len(found)} passed, {seconds:.1f} s")
    return found.count([]) == len(found) > 0


def main() -> int:
    """The exit code."""
    print(f"Python {sys.version.split()[0]} on {sys.platform}, NumPy {np.__version__}")
    print(", ".join(f"{m.__name__} {m.__version__}" for m in (pureml_core, pureml_nn, pureml_optim)))
    return int(not all([train(), table()]))


if __name__ == "__main__":
    sys.exit(main())
