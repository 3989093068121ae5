"""Activations as layers, and Flatten, Residual, Identity."""

import numpy as np
import pureml_nn as nn
from pureml_nn import BatchNorm1d, Dropout, Linear, Sequential

from .case import LayerCase, LayerError

SMOOTH = [nn.CELU, nn.ELU, nn.GELU, nn.Mish, nn.SELU, nn.Sigmoid, nn.SiLU, nn.Softplus, nn.Softsign, nn.Tanh]
BROKEN = [nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.ReLU, nn.ReLU6]
DISTRIBUTIONS = [nn.LogSoftmax, nn.Softmax, nn.Softmin]


def block():
    return Sequential(Linear(3, 4, seed=0), BatchNorm1d(4), nn.Tanh(), Linear(4, 3, seed=1), Dropout(0.2, seed=2))


LAYERS = [
    *[
        LayerCase(f"{f.__name__} {s}", f, (s,), s)
        for f in SMOOTH + BROKEN + DISTRIBUTIONS
        for s in [(3, 4), (1, 3, 2), (4, 4), (0, 4)]
    ],
    *[LayerCase(f"{f.__name__} axis 1", lambda f=f: f(1), ((2, 3, 3),), (2, 3, 3)) for f in DISTRIBUTIONS],
    LayerCase("CELU 0.5", lambda: nn.CELU(0.5), ((4, 4),), (4, 4)),
    LayerCase("ELU 0.5", lambda: nn.ELU(0.5), ((4, 4),), (4, 4)),
    LayerCase("GELU tanh", lambda: nn.GELU("tanh"), ((4, 4),), (4, 4)),
    LayerCase("Hardtanh -0.5, 2", lambda: nn.Hardtanh(-0.5, 2), ((4, 4),), (4, 4)),
    LayerCase("LeakyReLU 0.3", lambda: nn.LeakyReLU(0.3), ((4, 4),), (4, 4)),
    LayerCase("LeakyReLU -0.3", lambda: nn.LeakyReLU(-0.3), ((4, 4),), (4, 4)),
    LayerCase("Softplus 2", lambda: nn.Softplus(2), ((4, 4),), (4, 4)),
    *[LayerCase(f"PReLU 1 {s}", nn.PReLU, (s,), s) for s in [(4,), (3, 4), (1, 4), (0, 4), (2, 3, 4)]],
    *[
        LayerCase(f"PReLU 4 {s}", lambda: nn.PReLU(4), (s,), s)
        for s in [(3, 4), (4, 4), (1, 4), (2, 4, 3), (4, 4, 4), (2, 4, 2, 3)]
    ],
    LayerCase("GLU", nn.GLU, ((3, 4),), (3, 2)),
    LayerCase("GLU axis 1", lambda: nn.GLU(1), ((2, 4, 4),), (2, 2, 4)),
    *[LayerCase(f"SwiGLU {s}", lambda: nn.SwiGLU(3, 4, seed=0), (s,), s) for s in [(2, 3), (3, 3), (1, 3), (2, 4, 3)]],
    LayerCase("SwiGLU with biases", lambda: nn.SwiGLU(3, 3, bias=True, seed=0), ((3, 3),), (3, 3)),
    LayerCase("Flatten", nn.Flatten, ((2, 3, 4),), (2, 12)),
    LayerCase("Flatten 1-D", nn.Flatten, ((3,),), (3, 1)),
    LayerCase("Flatten empty", nn.Flatten, ((0, 3, 2),), (0, 6)),
    LayerCase("Flatten 2", lambda: nn.Flatten(2), ((2, 3, 4, 5),), (2, 3, 20)),
    LayerCase("Residual", lambda: nn.Residual(Linear(3, 3, seed=0)), ((3, 3),), (3, 3)),
    LayerCase("Residual function", lambda: nn.Residual(nn.gelu), ((2, 3),), (2, 3)),
    LayerCase("Residual block", lambda: nn.Residual(block()), ((5, 3),), (5, 3), train_differs=True),
    LayerCase("Identity", nn.Identity, ((2, 3),), (2, 3)),
]  # fmt: skip

X = np.ones((2, 3), np.float32)

ERRORS = [
    LayerError(lambda: nn.PReLU(0), ValueError, r"PReLU: given num_parameters=0"),
    LayerError(lambda: nn.PReLU(3, W=X), ValueError, r"PReLU: given W of shape \(2, 3\), needed \(3,\)"),
    LayerError(lambda: nn.PReLU(2)(X), ValueError, r"prelu: given weights of shape \(2,\) and x of shape \(2, 3\)"),
    LayerError(lambda: nn.PReLU(3)(X[0]), ValueError, r"needed one weight, or one for each channel"),
    LayerError(lambda: nn.prelu(X, X), ValueError, r"prelu: given weights of shape \(2, 3\)"),
    LayerError(lambda: nn.GELU("erf"), ValueError, r"GELU: given approximate='erf', needed 'none' or 'tanh'"),
    LayerError(lambda: nn.gelu(X, "erf"), ValueError, r"gelu: given approximate='erf'"),
    LayerError(lambda: nn.gelu(X * 1j), TypeError, r"gelu: given complex64, needed real numbers"),
    LayerError(lambda: nn.CELU(0), ValueError, r"CELU: given alpha=0"),
    LayerError(lambda: nn.celu(X, 0.0), ValueError, r"celu: given alpha=0"),
    LayerError(lambda: nn.Softplus(0), ValueError, r"Softplus: given beta=0"),
    LayerError(lambda: nn.softplus(X, -1), ValueError, r"softplus: given beta=-1"),
    LayerError(lambda: nn.Hardtanh(1, -1), ValueError, r"Hardtanh: given limits 1 and -1"),
    LayerError(lambda: nn.hardtanh(X, 1, 1), ValueError, r"hardtanh: given limits 1 and 1"),
    LayerError(lambda: nn.GLU()(X), ValueError, r"glu: given x of shape \(2, 3\), needed an even size of axis -1"),
    LayerError(lambda: nn.swiglu(X, 2), ValueError, r"swiglu: given x of shape \(2, 3\)"),
    LayerError(lambda: nn.gumbel_softmax(X, 0), ValueError, r"gumbel_softmax: given tau=0"),
    LayerError(lambda: nn.SwiGLU(3, 0), ValueError, r"SwiGLU: given hidden=0"),
    LayerError(lambda: nn.Flatten(-1), ValueError, r"Flatten: given keep=-1"),
    LayerError(lambda: nn.Flatten(3)(X), ValueError, r"Flatten: given X of shape \(2, 3\), needed at least 3 axes"),
    LayerError(lambda: nn.Residual(3), TypeError, r"Residual: given 3, needed a layer or a function"),
    LayerError(lambda: nn.Residual(Linear(3, 1))(X), ValueError, r"Residual: given X of shape \(2, 3\).* \(2, 1\)"),
]
