"""Convolution, pooling, and dropout of channels."""

import numpy as np
import pureml_nn as nn
from pureml_nn import Conv1D, Conv2D, ConvTranspose1D, ConvTranspose2D, MaxPool1D, MaxPool2D, MeanPool1D, MeanPool2D

from .case import LayerCase, LayerError


def rows(kind, *table):
    """(constructor's positional arguments, keywords, shape in, shape out) for each."""
    return [
        LayerCase(
            f"{kind.__name__}{given}{settings or ''} {before}",
            lambda given=given, settings=settings: kind(*given, **settings),
            (before,),
            after,
        )
        for given, settings, before, after in table
    ]


S = {"seed": 0}

LAYERS = [
    *rows(
        Conv1D,
        ((2, 3, 3), S, (4, 2, 6), (4, 3, 4)),
        ((2, 3, 3), S, (3, 2, 5), (3, 3, 3)),  # batch = out_channels
        ((3, 3, 3), S, (3, 3, 3), (3, 3, 1)),
        ((2, 3), S, (1, 2, 4), (1, 3, 4)),
        ((1, 1, 2), S, (0, 1, 4), (0, 1, 3)),
        ((2, 3, 3, 2, 1), S, (2, 2, 6), (2, 3, 3)),
        ((2, 3, 2, 1, "same", 2), S, (2, 2, 5), (2, 3, 5)),
        ((2, 3, 3, 2, "same"), S, (2, 2, 5), (2, 3, 3)),
        ((2, 3, 3, 2, "valid"), S, (2, 2, 6), (2, 3, 2)),
        ((2, 3, 2, 3, 0, 2, False), S, (2, 2, 7), (2, 3, 2)),
        ((2, 3, 3, 1, 1, 1, True, 0.5), S, (2, 2, 3), (2, 3, 3)),
        ((4, 6, 2), S | {"groups": 2}, (2, 4, 3), (2, 6, 2)),
        ((3, 3, 2, 1, 1), S | {"groups": 3}, (2, 3, 3), (2, 3, 4)),
    ),
    *rows(
        Conv2D,
        ((2, 3, 3), S, (4, 2, 4, 5), (4, 3, 2, 3)),
        ((2, 3, 3), S, (3, 2, 3, 4), (3, 3, 1, 2)),  # batch = out_channels
        ((2, 2, 2), S, (2, 2, 2, 2), (2, 2, 1, 1)),
        ((2, 3, 1), S, (1, 2, 3, 2), (1, 3, 3, 2)),
        ((1, 2, 2), S, (0, 1, 3, 3), (0, 2, 2, 2)),
        ((1, 2, (2, 3), (2, 1), (1, 2)), S, (2, 1, 3, 4), (2, 2, 2, 6)),
        ((2, 2, (1, 3), 1, "same", (1, 2)), S, (2, 2, 2, 3), (2, 2, 2, 3)),
        ((1, 2, (3, 2), 2, "same"), S, (2, 1, 3, 4), (2, 2, 2, 2)),
        ((2, 2, 2, 1, 0, (2, 1), False), S, (2, 2, 4, 3), (2, 2, 2, 2)),
        ((1, 2, 2, 1, 1, 1, True, -1.0), S, (2, 1, 2, 2), (2, 2, 3, 3)),
        ((4, 2, 2), S | {"groups": 2}, (2, 4, 2, 3), (2, 2, 1, 2)),
        ((2, 4, 2, 2, 1), S | {"groups": 2, "method": "glorot-uniform"}, (2, 2, 3, 3), (2, 4, 2, 2)),
    ),
    *rows(
        ConvTranspose1D,
        ((2, 3, 3), S, (2, 2, 4), (2, 3, 6)),
        ((3, 3, 3), S, (3, 3, 3), (3, 3, 5)),
        ((2, 3, 2), S, (0, 2, 3), (0, 3, 4)),
        ((2, 3, 3, 2, 1, 1), S, (1, 2, 3), (1, 3, 6)),
        ((4, 2, 2, 3, 0, 2, 2, False), S | {"groups": 2}, (2, 4, 2), (2, 2, 8)),
    ),
    *rows(
        ConvTranspose2D,
        ((2, 3, 2), S, (3, 2, 2, 3), (3, 3, 3, 4)),
        ((2, 2, 2, 2), S, (2, 2, 2, 2), (2, 2, 4, 4)),
        ((1, 2, (2, 3), (2, 1), (0, 1), (1, 0)), S, (2, 1, 2, 3), (2, 2, 5, 3)),
        ((2, 4, 2, 1, 1, 1, 2, False), S | {"groups": 2}, (2, 2, 2, 2), (2, 4, 3, 3)),
    ),
    *rows(
        MaxPool1D,
        ((2,), {}, (2, 3, 6), (2, 3, 3)),
        ((2,), {}, (2, 2, 5), (2, 2, 2)),
        ((3, 1), {}, (1, 2, 5), (1, 2, 3)),
        ((3, 2, 1), {}, (2, 2, 5), (2, 2, 3)),
        ((2, 1, "same", 2), {}, (2, 2, 4), (2, 2, 4)),
        ((2, 3), {}, (2, 2, 8), (2, 2, 3)),
        ((1, 2), {}, (2, 2, 3), (2, 2, 2)),
        ((2,), {}, (0, 2, 4), (0, 2, 2)),
    ),
    *rows(
        MaxPool2D,
        ((2,), {}, (2, 3, 4, 6), (2, 3, 2, 3)),
        ((2,), {}, (2, 2, 3, 5), (2, 2, 1, 2)),
        ((3, 1), {}, (1, 2, 4, 3), (1, 2, 2, 1)),
        (((3, 2), (2, 1), (1, 0), (1, 2)), {}, (2, 1, 4, 4), (2, 1, 2, 2)),
        ((2, None, 1, 1, 0.1), {}, (1, 2, 2, 4), (1, 2, 2, 3)),
    ),
    *rows(
        MeanPool1D,
        ((2,), {}, (2, 3, 6), (2, 3, 3)),
        ((3, 1), {}, (1, 2, 5), (1, 2, 3)),
        ((3, 2, 1), {}, (2, 2, 4), (2, 2, 2)),
        ((2, 1, "same", 2, 0.5), {}, (2, 2, 4), (2, 2, 4)),
        ((2,), {}, (0, 2, 4), (0, 2, 2)),
    ),
    *rows(
        MeanPool2D,
        ((2,), {}, (2, 3, 4, 6), (2, 3, 2, 3)),
        ((3, 1), {}, (1, 2, 4, 3), (1, 2, 2, 1)),
        (((3, 2), (2, 1), (1, 0), (1, 2)), {}, (2, 1, 4, 4), (2, 1, 2, 2)),
    ),
    *[
        row
        for kind in (nn.AdaptiveMaxPool1D, nn.AdaptiveMeanPool1D)
        for row in rows(
            kind,
            ((3,), {}, (2, 2, 6), (2, 2, 3)),
            ((3,), {}, (2, 2, 5), (2, 2, 3)),
            ((4,), {}, (1, 2, 3), (1, 2, 4)),
            ((3,), {}, (0, 2, 3), (0, 2, 3)),
        )
    ],
    *[
        row
        for kind in (nn.AdaptiveMaxPool2D, nn.AdaptiveMeanPool2D)
        for row in rows(
            kind,
            ((2,), {}, (2, 1, 4, 2), (2, 1, 2, 2)),
            (((2, 3),), {}, (2, 2, 3, 4), (2, 2, 2, 3)),
            ((1,), {}, (1, 2, 3, 2), (1, 2, 1, 1)),
        )
    ],
    *[
        LayerCase(f"{kind.__name__} {b}", kind, ((b, 2, *s),), (b, 2))
        for s, kinds in [
            ((4,), (nn.GlobalMaxPool1D, nn.GlobalMeanPool1D)),
            ((2, 3), (nn.GlobalMaxPool2D, nn.GlobalMeanPool2D)),
        ]
        for kind in kinds
        for b in (3, 2, 1, 0)
    ],
    LayerCase("Dropout1d", lambda: nn.Dropout1d(0.5, seed=0), ((3, 4, 2),), (3, 4, 2), train_differs=True),
    LayerCase("Dropout1d empty", lambda: nn.Dropout1d(0.5, seed=0), ((0, 4, 2),), (0, 4, 2)),
    LayerCase("Dropout2d", lambda: nn.Dropout2d(0.5, seed=0), ((3, 4, 2, 2),), (3, 4, 2, 2), train_differs=True),
    LayerCase(
        "Conv2D, ReLU, MaxPool2D",
        lambda: nn.Sequential(Conv2D(1, 2, 3, padding="same", seed=0), nn.relu, MaxPool2D(2), nn.Flatten()),
        ((2, 1, 4, 4),),
        (2, 8),
    ),
]  # fmt: skip


def x(*shape):
    return np.zeros(shape, np.float32)


ERRORS = [
    LayerError(lambda: Conv2D(2, 3, 0), ValueError, r"Conv2D: given kernel_size=0, needed 1 or more"),
    LayerError(lambda: Conv2D(2, 3, 2.0), TypeError, r"Conv2D: given kernel_size=2\.0, needed an integer or 2 of them"),
    LayerError(lambda: Conv2D(2, 3, (2, 2, 2)), TypeError, r"kernel_size=\(2, 2, 2\)"),
    LayerError(lambda: Conv2D(2, 3, True), TypeError, r"kernel_size=True"),
    LayerError(lambda: Conv1D(2, 3, (2, 2)), TypeError, r"Conv1D: given kernel_size=\(2, 2\), needed an integer"),
    LayerError(lambda: Conv2D(2, 3, 3, stride=0), ValueError, r"stride=0"),
    LayerError(lambda: Conv2D(2, 3, 3, dilation=(1, 0)), ValueError, r"dilation=\(1, 0\)"),
    LayerError(lambda: Conv2D(2, 3, 3, padding=-1), ValueError, r"padding=-1, needed 0 or more"),
    LayerError(lambda: Conv2D(2, 3, 3, padding="full"), ValueError, r"padding='full', needed integers, 'same'"),
    LayerError(lambda: Conv2D(0, 3, 3), ValueError, r"Conv2D: given in_channels=0"),
    LayerError(lambda: Conv2D(2, 3, 3, groups=2), ValueError, r"groups=2, needed groups that divide both"),
    LayerError(lambda: Conv2D(2, 3, 3, b=x(3), use_bias=False), ValueError, r"b together with use_bias=False"),
    LayerError(lambda: Conv2D(2, 3, 3, b=x(2)), ValueError, r"given b of shape \(2,\), needed \(3,\)$"),
    LayerError(lambda: Conv2D(2, 3, 3, W=x(3, 2, 2, 2)), ValueError, r"given W of shape \(3, 2, 2, 2\), needed .*\)$"),
    LayerError(lambda: Conv2D(2, 3, 3, W=x(3, 18)), ValueError, r"needed \(3, 2, 3, 3\); give W.reshape\(3, 2, 3, 3\)"),
    LayerError(lambda: Conv2D(2, 3, 3, method="kaiming"), ValueError, r"unknown initialisation 'kaiming'"),
    LayerError(lambda: Conv2D(2, 3, 3, nonlinearity="rely"), ValueError, r"calculate_gain: given 'rely'"),
    LayerError(lambda: Conv2D(2, 3, 3)(x(2, 5, 5)), ValueError, r"X of shape \(2, 5, 5\), needed \(B, 2, H, W\).*None"),
    LayerError(lambda: Conv2D(2, 3, 3)(x(1, 3, 5, 5)), ValueError, r"X of shape \(1, 3, 5, 5\).* second axis$"),
    LayerError(lambda: Conv2D(2, 3, 3)(x(1, 2, 5, 2)), ValueError, r"Conv2D: a window of 3 .* more than the 2 entries"),
    LayerError(lambda: Conv2D(2, 3, 3)([1.0]), TypeError, r"Conv2D: given X of type list"),
    LayerError(lambda: Conv2D(1, 3, 1)(x(1, 1, 2, 2) * 1j), TypeError, r"Conv2D: given X of dtype complex64"),
    LayerError(lambda: Conv1D(2, 3, 3)(x(2, 5)), ValueError, r"Conv1D: given X of shape \(2, 5\), needed \(B, 2, L\)"),
    LayerError(lambda: ConvTranspose2D(2, 3, 3, 2, 0, 2), ValueError, r"output_padding=2 with stride 2 and dilation 1"),
    LayerError(lambda: ConvTranspose2D(2, 3, 2, padding="same"), TypeError, r"ConvTranspose2D: given padding='same'"),
    LayerError(lambda: ConvTranspose1D(2, 3, 2, padding=2)(x(1, 2, 3)), ValueError, r"padding \(2,\) leaves nothing"),
    LayerError(
        lambda: MaxPool2D(2)(x(2, 5, 5)), ValueError, r"MaxPool2D: given X of shape \(2, 5, 5\), needed \(B, C, H"
    ),
    LayerError(lambda: MaxPool1D(2)(x(1, 2, 1)), ValueError, r"MaxPool1D: a window of 2 .* the 1 entries"),
    LayerError(lambda: MaxPool1D(2, padding=2), ValueError, r"nothing but padding; needed padding of at most 1"),
    LayerError(lambda: MaxPool2D((3, 1), padding=(1, 1)), ValueError, r"given padding 1 with windows of 1"),
    LayerError(lambda: MaxPool1D(2, 1, 2, dilation=3)(x(1, 2, 1)), ValueError, r"some hold nothing but padding"),
    LayerError(lambda: MaxPool1D(2)(np.zeros((1, 2, 4), int)), TypeError, r"given X of dtype int64, needed a floating"),
    LayerError(lambda: MeanPool1D(2)([1.0]), TypeError, r"MeanPool1D: given X of type list"),
    LayerError(lambda: MeanPool1D(0), ValueError, r"MeanPool1D: given kernel_size=0"),
    LayerError(lambda: nn.AdaptiveMeanPool2D(0), ValueError, r"AdaptiveMeanPool2D: given output_size=0"),
    LayerError(lambda: nn.AdaptiveMaxPool1D(2)(x(1, 2, 0)), ValueError, r"AdaptiveMaxPool1D: .* no entries to pool"),
    LayerError(lambda: nn.GlobalMeanPool2D()(x(1, 2, 0, 3)), ValueError, r"GlobalMeanPool2D: .* no entries to pool"),
    LayerError(lambda: nn.GlobalMaxPool1D()(x(2, 3)), ValueError, r"GlobalMaxPool1D: given X of shape \(2, 3\)"),
    LayerError(
        lambda: nn.Dropout2d()(x(2, 3)), ValueError, r"Dropout2d: given X of shape \(2, 3\), needed \(B, C, H, W"
    ),
    LayerError(lambda: nn.Dropout1d(2), ValueError, r"Dropout1d: given p=2"),
    LayerError(lambda: nn.unfold1d(x(2, 3), 2), ValueError, r"unfold1d: given X of shape \(2, 3\), needed \(B, C, L\)"),
    LayerError(lambda: nn.unfold2d(x(1, 1, 2, 2), 3), ValueError, r"unfold2d: a window of 3"),
    LayerError(lambda: nn.unfold2d(x(1, 1, 2, 2), 2, 0), ValueError, r"unfold2d: given stride=0"),
    LayerError(lambda: nn.output_len_1d(3, 5), ValueError, r"output_len_1d: a window of 5"),
    LayerError(lambda: nn.output_len_1d(0, 1), ValueError, r"output_len_1d: given L_in=0"),
    LayerError(
        lambda: nn.output_shape_2d(5, 5, (1, 2, 3)), TypeError, r"output_shape_2d: given kernel_size=\(1, 2, 3\)"
    ),
]
