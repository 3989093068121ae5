"""Parameters alone, and whole states, in files: by methods and by the paper's functions."""

import numpy as np
import pytest
from pureml.base import (
    NN,
    BaseModel,
    get_mdl_named_buffers,
    get_mdl_params,
    load_params,
    load_state,
    save_full_state,
    save_mdl_params,
)
from pureml.models.classical.knn import KNN
from pureml_io import load
from pureml_nn import Affine, BatchNorm1d, Sequential


class Model(NN):
    def __init__(self, seed=0, width=3):
        self.first, self.norm = Affine(2, width, seed=seed), BatchNorm1d(width)
        self.epoch = seed


def values(model):
    return {name: item.data.copy() for name, item in {**get_mdl_params(model), **get_mdl_named_buffers(model)}.items()}


def assert_same(a, b):
    assert a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


WRITERS = {
    "method": lambda model, path: model.save(path, compression_level=9),
    "function": save_mdl_params,
    "mapping": lambda model, path: save_mdl_params(get_mdl_params(model), path),
    "arrays": lambda model, path: save_mdl_params({k: p.numpy() for k, p in get_mdl_params(model).items()}, path),
    "whole state": save_full_state,
}
READERS = {
    "method": lambda model, path: model.load_params(path),
    "function": load_params,
    "load_state": lambda model, path: model.load_state(path),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("reader", READERS)
def test_parameters(tmp_path, writer, reader):
    source, target = Model(1), Model(2)
    source.norm.running_mean.data[...] = 5
    path = WRITERS[writer](source, tmp_path / "v1.2")
    assert path.name == "v1.2.pureml.zip"
    READERS[reader](target, tmp_path / "v1.2")
    assert_same(
        {k: p.data for k, p in get_mdl_params(source).items()}, {k: p.data for k, p in get_mdl_params(target).items()}
    )
    whole = writer == "whole state" and reader == "load_state"
    assert (target.norm.running_mean.data == 5).all() == whole and target.epoch == (1 if whole else 2)


def test_names():
    assert list(get_mdl_params(Model())) == ["first.W", "first.b", "norm.gamma", "norm.beta"]
    assert set(get_mdl_named_buffers(Model())) >= {"norm.running_mean"}


def test_only_parameters_are_in_the_file(tmp_path):
    state = load(Model().save(tmp_path / "a"))
    assert list(state.arrays) == list(get_mdl_params(Model())) and state.literals == {}


def test_strict_is_all_or_nothing(tmp_path):
    path = save_mdl_params({"first.W": np.ones((2, 3)), "first.b": np.ones(4), "more": np.ones(1)}, tmp_path / "a")
    model = Model()
    before = values(model)
    with pytest.raises(ValueError, match=r"Model: .*'first.b' has shape .*missing 'norm.gamma'.*unexpected 'more'"):
        model.load_params(path)
    assert_same(values(model), before)
    skipped = load_params(model, path, strict=False)
    assert len(skipped) == 4 and (model.first.W.data == 1).all()
    assert_same(values(model) | {"first.W": 0}, before | {"first.W": 0})


def test_whole_states_come_by_function(tmp_path):
    source, target = Model(1), Model(2).eval()
    assert load_state(target, save_full_state(source, tmp_path / "a")) == []
    assert_same(values(source), values(target))
    assert target.epoch == 1 and not target.training
    assert load_state(target, tmp_path / "a", load_literals=False) == []
    assert load_state(Sequential(Affine(2, 3)), Sequential(Affine(2, 3)).save(tmp_path / "s")) == []


def test_other_files(tmp_path):
    from pureml.optimizers import SGD

    with pytest.raises(FileNotFoundError):
        Model().load_params(tmp_path / "none")
    SGD(list(get_mdl_params(Model()).values()), 0.1).save_state(tmp_path / "optim")
    with pytest.raises(ValueError, match="needed one of a layer"):
        Model().load_params(tmp_path / "optim")


def test_a_base_model_says_what_it_lacks():
    class Mean(BaseModel):
        def fit(self, X):
            self.mean = np.mean(X)
            return self

    assert Mean().fit([1, 3]).mean == 2 and isinstance(Model(), BaseModel) and isinstance(KNN(1), BaseModel)
    for name, arguments in [("predict", [1]), ("state", []), ("save_state", ["x"])]:
        with pytest.raises(NotImplementedError, match=r"Mean has no (predict|state)"):
            getattr(Mean(), name)(*arguments)
    with pytest.raises(NotImplementedError, match="Mean has no restore"):
        Mean().restore(Model().state())
    with pytest.raises(NotImplementedError, match="BaseModel has no fit"):
        BaseModel().fit([1])
