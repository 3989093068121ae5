"""Save, load in fresh objects, go on: as if never stopped, bit for bit; nn, optim, io and data together."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pureml_core import State
from pureml_data import DataLoader, TensorDataset
from pureml_io import ArchiveError
from pureml_nn import CCE, Affine, Dropout, Sequential, relu
from pureml_optim import SGD, Adam, AdamW, StepLR

OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda model: SGD(model.parameters, lr=0.1),
    "momentum": lambda model: SGD(model.parameters, lr=0.1, beta=0.9, weight_decay=0.01),
    "adam": lambda model: Adam(model.parameters, lr=0.01, weight_decay=0.01),
    "adamw": lambda model: AdamW(model.parameters, lr=0.01),
}


class Run:
    """A training run of everything that has a state."""

    def __init__(self, seed: int, optimizer: str) -> None:
        self.model = Sequential(Affine(6, 16, seed=seed), relu, Dropout(0.3, seed=seed), Affine(16, 3, seed=seed + 1))
        self.optimizer = OPTIMIZERS[optimizer](self.model)
        self.scheduler = StepLR(self.optimizer, step_size=2, gamma=0.5)
        rng = np.random.default_rng(0)
        self.data = TensorDataset(rng.normal(size=(60, 6)), rng.integers(0, 3, 60))

    def epochs(self, numbers: range) -> None:
        for number in numbers:
            self.scheduler.step()
            for X, Y in DataLoader(self.data, batch_size=16, shuffle=True, seed=number):
                self.optimizer.zero_grad()
                CCE(Y, self.model(X), from_logits=True).backward()
                self.optimizer.step()

    def parts(self) -> dict[str, Any]:
        return {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}


def assert_same(a: State, b: State) -> None:
    assert (a.kind, a.literals, a.arrays.keys()) == (b.kind, b.literals, b.arrays.keys())
    for name in a.arrays:
        assert a.arrays[name].dtype == b.arrays[name].dtype
        np.testing.assert_array_equal(a.arrays[name], b.arrays[name], err_msg=name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_resumed_training_continues_bit_for_bit(tmp_path: Path, optimizer: str) -> None:
    whole, first, second = Run(1, optimizer), Run(1, optimizer), Run(7, optimizer)
    whole.epochs(range(6))
    first.epochs(range(3))
    paths = {name: part.save_state(tmp_path / name) for name, part in first.parts().items()}
    first.epochs(range(3, 4))  # what happens after saving does not reach the files
    for name, part in second.parts().items():
        part.load_state(paths[name])
    second.epochs(range(3, 6))
    for name, part in whole.parts().items():
        if name == "model":  # the seed with which it was drawn is the run's own
            for a, b in zip(part.parameters, second.model.parameters, strict=True):
                np.testing.assert_array_equal(a.data, b.data)
        else:
            assert_same(part.state(), second.parts()[name].state())


def test_a_file_of_one_kind_is_refused_by_another_and_changes_nothing(tmp_path: Path) -> None:
    run = Run(1, "adam")
    run.epochs(range(1))
    before = {name: part.state() for name, part in run.parts().items()}
    model_file, optimizer_file = (run.parts()[name].save_state(tmp_path / name) for name in ("model", "optimizer"))
    for part, file in ((run.optimizer, model_file), (run.model, optimizer_file), (run.scheduler, model_file)):
        with pytest.raises(ValueError, match="needed"):
            part.load_state(file)
    for name, part in run.parts().items():
        assert_same(before[name], part.state())


def test_a_truncated_file_is_one_error_and_changes_nothing(tmp_path: Path) -> None:
    run = Run(1, "adam")
    path = Path(run.model.save_state(tmp_path / "model"))
    path.write_bytes(path.read_bytes()[:-100])
    before = run.model.state()
    with pytest.raises(ArchiveError):
        run.model.load_state(path)
    assert_same(before, run.model.state())
    with pytest.raises(FileNotFoundError):
        run.model.load_state(tmp_path / "absent")
