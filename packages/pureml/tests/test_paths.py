"""The paper's module paths, and what importing the package loads."""

import subprocess
import sys
from importlib import import_module

import pureml
import pytest

PATHS = {
    "pureml.machinery": [
        "Tensor",
        "no_grad",
        "is_grad_enabled",
        "TensorValuedFunction",
        "sqrt",
        "ln",
        "log2",
        "reshape",
        "flatten",
    ],
    "pureml.general_math": ["ewma", "euclidean_distance", "mean", "sum", "variance", "std", "deviation"],
    "pureml.layers": ["Layer", "Affine", "Dropout"],
    "pureml.activations": ["relu", "sigmoid", "tanh", "softmax", "log_softmax"],
    "pureml.losses": ["MSE", "BCE", "CCE"],
    "pureml.optimizers": ["Optim", "SGD", "Adam", "LRScheduler", "StepLR"],
    "pureml.training_utils": ["Dataset", "TensorDataset", "DataLoader", "combine_samples", "one_hot"],
    "pureml.base": [
        "NN",
        "get_mdl_params",
        "get_mdl_named_buffers",
        "save_mdl_params",
        "save_full_state",
        "load_state",
    ],
    "pureml.evaluation": ["accuracy"],
    "pureml.datasets": ["MnistDataset"],
    "pureml.datasets.MNIST": ["MnistDataset"],
    "pureml.datasets.MNIST.dataset": ["MnistDataset"],
    "pureml.util": ["ArrayStorage", "batches_of", "compose_steps", "current_time", "rng_from_seed"],
    "pureml.logging_util": ["configure_logging"],
    "pureml.models.classical.knn": ["KNN"],
    "pureml.models.neural_networks": ["MNIST_BEATER"],
    "pureml.models.neural_networks.mnist_beater": ["MNIST_BEATER"],
}


@pytest.mark.parametrize("path", PATHS)
def test_the_papers_names_are_where_the_paper_has_them(path: str) -> None:
    module = import_module(path)
    assert [name for name in PATHS[path] if not hasattr(module, name)] == []


def test_submodules_come_by_attribute_in_a_fresh_process() -> None:
    code = "import pureml; assert pureml.layers.Affine and pureml.models.neural_networks.MNIST_BEATER"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'pureml' has no attribute 'layer'"):
        pureml.layer  # noqa: B018
    assert not hasattr(pureml, "__wrapped__")


def test_all_names_exist_and_are_listed() -> None:
    for name in pureml.__all__:
        getattr(pureml, name)
    assert set(pureml.__all__) <= set(dir(pureml))


def test_importing_loads_neither_zarr_nor_the_layers() -> None:
    code = (
        "import sys, pureml\n"
        "print([name for name in ('zarr', 'numcodecs', 'pureml_io', 'pureml_nn') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_this_is_not_the_unrelated_pureml_of_the_public_index() -> None:
    assert int(pureml.__version__.partition(".")[0]) >= 1
    assert pureml.Tensor.__module__ == "pureml_core.tensor"
