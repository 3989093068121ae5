"""PyTorch as a second opinion on every rule that it has, settings included."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pureml_core import Parameter, RowSparse  # noqa: E402
from pureml_optim import SGD, AdaDelta, AdaGrad, Adam, Adamax, AdamW, NAdam, RAdam, RMSProp  # noqa: E402
from torch import optim  # noqa: E402

SHAPES = [(7, 5), (5,), (), (3, 2, 4), (1, 9)]

# settings of ours, and the same of PyTorch's
PLAIN = {}, {}
UP = {"maximize": True}, {"maximize": True}
COUPLED = {"weight_decay": 0.1, "decoupled_wd": False}, {"weight_decay": 0.1}
DECOUPLED = {"weight_decay": 0.1}, {"weight_decay": 0.1, "decoupled_weight_decay": True}
COUPLED_UP, DECOUPLED_UP = ((a | UP[0], b | UP[1]) for a, b in (COUPLED, DECOUPLED))
ADAM = {"beta1": 0.8, "beta2": 0.95, "delta": 1e-3}, {"betas": (0.8, 0.95), "eps": 1e-3}
BOTH_DECAYS = [PLAIN, UP, COUPLED, COUPLED_UP, DECOUPLED, DECOUPLED_UP]
ONE_DECAY = [PLAIN, UP, COUPLED, COUPLED_UP]


def rmsprop(**more):  # whose defaults differ
    return {"beta": 0.9, "delta": 1e-6, **more}, {"alpha": 0.9, "eps": 1e-6, **more}


RULES = {  # ours, theirs, settings of the rule, each with every setting that all rules have
    SGD: (
        optim.SGD,
        [
            PLAIN,
            ({"beta": 0.9, "momentum": "classical"}, {"momentum": 0.9}),
            ({"beta": 0.9, "momentum": "nesterov"}, {"momentum": 0.9, "nesterov": True}),
        ],
        ONE_DECAY,
    ),
    AdaGrad: (
        optim.Adagrad,
        [
            ({}, {"eps": 1e-7}),
            ({"delta": 1e-3}, {"eps": 1e-3}),
            ({"initial_accumulator_value": 0.1}, {"initial_accumulator_value": 0.1, "eps": 1e-7}),
            ({"lr_decay": 0.1}, {"lr_decay": 0.1, "eps": 1e-7}),
        ],
        ONE_DECAY,
    ),
    RMSProp: (
        optim.RMSprop,
        [
            rmsprop(),
            rmsprop(centered=True),
            rmsprop(momentum=0.9),
            rmsprop(centered=True, momentum=0.5),
            ({"beta": 0.99, "delta": 1e-8}, {}),
        ],
        ONE_DECAY,
    ),
    Adam: (
        optim.Adam,
        [PLAIN, ADAM, ({"amsgrad": True, "beta2": 0.9}, {"amsgrad": True, "betas": (0.9, 0.9)})],
        BOTH_DECAYS,
    ),
    AdamW: (
        optim.AdamW,
        [PLAIN, ADAM, ({"amsgrad": True, "beta2": 0.9}, {"amsgrad": True, "betas": (0.9, 0.9)})],
        [PLAIN, UP, ({"weight_decay": 0.1}, {"weight_decay": 0.1})],
    ),
    NAdam: (
        optim.NAdam,
        [PLAIN, ADAM, ({"momentum_decay": 0.5}, {"momentum_decay": 0.5})],
        BOTH_DECAYS,
    ),
    RAdam: (optim.RAdam, [PLAIN, ADAM, ({"beta2": 0.5}, {"betas": (0.9, 0.5)})], BOTH_DECAYS),
    Adamax: (optim.Adamax, [PLAIN, ADAM], ONE_DECAY),
    AdaDelta: (optim.Adadelta, [PLAIN, ({"beta": 0.5, "delta": 1e-3}, {"rho": 0.5, "eps": 1e-3})], ONE_DECAY),
}
CASES = [
    pytest.param(ours, theirs, a | c, b | d, id=f"{ours.__name__}-{a | c}")
    for ours, (theirs, own, common) in RULES.items()
    for a, b in own
    for c, d in common
]


@pytest.mark.parametrize(("ours", "theirs", "our_settings", "their_settings"), CASES)
def test_the_same_weights_after_fifty_steps(ours, theirs, our_settings, their_settings):
    rng = np.random.default_rng(0)
    a = [Parameter(rng.standard_normal(shape), np.float64) for shape in SHAPES]
    b = [torch.nn.Parameter(torch.tensor(t.data)) for t in a]
    one, other = ours(a, 0.01, **our_settings), theirs(b, lr=0.01, **their_settings)
    for step in range(50):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            x.grad = y.grad = None
            if i != step % 7:  # each pauses now and then, and keeps a step count of its own
                x.grad = rng.standard_normal(x.shape) + 0.1 * x.data
                y.grad = torch.tensor(x.grad)
        one.step()
        other.step()
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x.data, y.detach().numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("ours", "theirs", "our_settings", "their_settings"),
    [
        # SparseAdam adds its ε to √v, not to √v̂ as Adam does; so next to none of it
        (Adam, optim.SparseAdam, {"delta": 0.0}, {"eps": 1e-30}),
        (Adam, optim.SparseAdam, {"delta": 0.0, "beta1": 0.5, "beta2": 0.9}, {"eps": 1e-30, "betas": (0.5, 0.9)}),
        (Adam, optim.SparseAdam, {"delta": 0.0, "maximize": True}, {"eps": 1e-30, "maximize": True}),
        (AdaGrad, optim.Adagrad, {"lr_decay": 0.1}, {"lr_decay": 0.1, "eps": 1e-7}),
        (SGD, optim.SGD, {}, {}),
    ],
)
def test_the_same_table_after_fifty_row_sparse_steps(ours, theirs, our_settings, their_settings):
    rng = np.random.default_rng(0)
    a = Parameter(rng.standard_normal((20, 3)), np.float64)
    b = torch.nn.Parameter(torch.tensor(a.data))
    one, other = ours([a], 0.01, **our_settings), theirs([b], lr=0.01, **their_settings)
    with torch.sparse.check_sparse_tensor_invariants():
        for _ in range(50):
            rows, values = rng.integers(0, 20, 6), rng.standard_normal((6, 3))  # some rows twice
            a.grad = RowSparse(rows, values, a.shape)
            b.grad = torch.sparse_coo_tensor(rows[None], values, a.shape)
            one.step()
            other.step()
            assert a.sparse_grad is not None
    np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-9, atol=1e-9)
