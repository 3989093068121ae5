import numpy as np
from pureml_nn import (
    LearnedPositions,
    MultiHeadAttention,
    RotaryPositions,
    SinusoidalPositions,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)
from pureml_nn import scaled_dot_product_attention as attend

from .case import LayerCase, LayerError

PADDED = np.array([[False, False, True], [False, True, True]])
ALLOWED = np.array([[True, False, True], [False, False, False], [True, True, False]])
ADDED = np.array([[0.0, -np.inf, 0.5], [1.0, 0.0, -1.0], [-np.inf, -np.inf, -np.inf]])


def attention(**settings):
    return lambda: MultiHeadAttention(4, 2, seed=0, **settings)


def encoder(**settings):
    return lambda: TransformerEncoderLayer(4, 2, 6, seed=0, **settings)


def decoder(**settings):
    return lambda: TransformerDecoderLayer(4, 2, 6, seed=0, **settings)


X, SAME = ((2, 3, 4),), (2, 3, 4)

LAYERS = [
    LayerCase("attention to itself", attention(), X, SAME),
    LayerCase("attention unbatched", attention(), ((3, 4),), (3, 4)),
    LayerCase("attention two batch axes", attention(), ((2, 1, 3, 4),), (2, 1, 3, 4)),
    LayerCase("attention batch = positions = dim", attention(), ((4, 4, 4),), (4, 4, 4)),
    LayerCase("attention one position", attention(), ((1, 1, 4),), (1, 1, 4)),
    LayerCase("attention empty batch", attention(), ((0, 3, 4),), (0, 3, 4)),
    LayerCase("attention to nothing", attention(), ((2, 3, 4), (2, 0, 4)), SAME),
    LayerCase("attention one head", lambda: MultiHeadAttention(3, 1, seed=0), ((2, 3, 3),), (2, 3, 3)),
    LayerCase("attention heads of one", lambda: MultiHeadAttention(3, 3, seed=0), ((2, 2, 3),), (2, 2, 3)),
    LayerCase("attention causal", attention(), X, SAME, {"causal": True}),
    LayerCase("attention masked", attention(), X, SAME, {"mask": ALLOWED}),
    LayerCase("attention masks of sequences", attention(), X, SAME, {"mask": np.stack([ALLOWED, ALLOWED.T])}),
    LayerCase("attention masks of heads", attention(), X, SAME, {"mask": np.stack([[ALLOWED, ALLOWED.T]])}),
    LayerCase("attention added mask", attention(), X, SAME, {"mask": ADDED, "key_padding_mask": PADDED}),
    LayerCase("attention padded, causal", attention(), X, SAME, {"key_padding_mask": PADDED, "causal": True}),
    LayerCase("attention with weights", attention(), X, (SAME, (2, 2, 3, 3)), {"need_weights": True, "causal": True}),
    LayerCase("attention across", attention(kdim=3), ((2, 3, 4), (2, 5, 3), (2, 5, 4)), SAME),
    LayerCase("attention across, sizes", attention(kdim=3, vdim=5), ((2, 2, 4), (2, 3, 3), (2, 3, 5)), (2, 2, 4)),
    LayerCase(
        "attention to a memory", attention(), ((2, 2, 4), (2, 3, 4)), (2, 2, 4), {"key_padding_mask": PADDED}
    ),
    LayerCase("attention no bias", attention(bias=False), X, SAME),
    LayerCase("attention dropout", attention(dropout=0.5), X, SAME, train_differs=True),
    LayerCase("attention rotary", attention(rotary=True), X, SAME, {"causal": True}),
    LayerCase("encoder", encoder(), X, SAME, train_differs=True, rtol=1e-5),
    LayerCase("encoder gelu", encoder(dropout=0, activation="gelu", norm_first=True), X, SAME, {"causal": True}),
    LayerCase("encoder gelu_tanh", encoder(dropout=0, activation="gelu_tanh", rotary=True), X, SAME, rtol=1e-5),
    LayerCase("encoder no bias", encoder(dropout=0, bias=False, activation=np.tanh), X, SAME, rtol=1e-5),
    LayerCase("decoder", decoder(), ((2, 3, 4), (2, 2, 4)), SAME, {"causal": True}, train_differs=True, rtol=1e-5),
    LayerCase(
        "decoder gelu", decoder(dropout=0, activation="gelu", norm_first=True), ((2, 3, 4), (2, 3, 4)), SAME,
        {"memory_key_padding_mask": PADDED, "key_padding_mask": PADDED, "memory_mask": np.tri(3, dtype=bool)},
    ),
    LayerCase("SinusoidalPositions", lambda: SinusoidalPositions(4), X, SAME),
    LayerCase("SinusoidalPositions odd", lambda: SinusoidalPositions(3), ((3, 3),), (3, 3), {"start": 2}),
    LayerCase("LearnedPositions", lambda: LearnedPositions(5, 4, seed=0), X, SAME, {"start": 2}),
    LayerCase("RotaryPositions", lambda: RotaryPositions(4), ((2, 2, 3, 4),), (2, 2, 3, 4), {"start": 1}),
    LayerCase("RotaryPositions empty", lambda: RotaryPositions(2), ((0, 2),), (0, 2)),
]  # fmt: skip


def x(*shape):
    return np.zeros(shape, np.float32)


N = "MultiHeadAttention: given "
ERRORS = [
    LayerError(lambda: MultiHeadAttention(6, 4), ValueError, N + "dim=6 and heads=4, needed heads that divide"),
    LayerError(lambda: MultiHeadAttention(0, 1), ValueError, N + "dim=0, needed a positive integer"),
    LayerError(lambda: MultiHeadAttention(4, 2, kdim=0), ValueError, N + "kdim=0"),
    LayerError(lambda: MultiHeadAttention(4, 2, dropout=2), ValueError, N + "dropout=2, needed a probability"),
    LayerError(lambda: MultiHeadAttention(6, 2, rotary=True), ValueError, r"RotaryPositions: given dim=3"),
    LayerError(lambda: attention()()(x(3, 5)), ValueError, N + r"Q of shape \(3, 5\), needed \(\.\.\., pos"),
    LayerError(lambda: attention()()(x(4)), ValueError, N + r"Q of shape \(4,\)"),
    LayerError(lambda: attention()()(np.zeros((3, 4), int)), TypeError, N + "Q of dtype int64, needed a floating"),
    LayerError(lambda: attention()()([[1.0]]), TypeError, N + "Q of type list"),
    LayerError(lambda: attention(kdim=3)()(x(3, 4)), ValueError, N + r"K of shape \(3, 4\), needed .* 3\)"),
    LayerError(lambda: attention()()(x(2, 3, 4), x(3, 3, 4)), ValueError, N + r"Q \(2, 3, 4\), K \(3, 3, 4\)"),
    LayerError(lambda: attention()()(x(3, 4), x(3, 4), x(2, 4)), ValueError, "as many keys as values"),
    LayerError(lambda: attention()()(x(3, 4), mask=np.ones((3, 2), bool)), ValueError, N + r"a mask of shape"),
    LayerError(lambda: attention()()(x(3, 4), mask=np.ones((3, 3), int)), TypeError, r"mask of dtype int64"),
    LayerError(
        lambda: attention()()(*[x(2, 3, 4)], key_padding_mask=np.ones((3, 2), bool)), ValueError,
        N + r"a key_padding_mask of shape \(3, 2\) and dtype bool, needed booleans of shape \(2, 3\)",
    ),
    LayerError(lambda: attention()()(x(2, 2, 3, 4), mask=np.ones((2, 3, 3), bool)), ValueError, N + "a mask of shape"),
    LayerError(lambda: encoder(activation="swish")(), ValueError, "activation='swish', needed relu, gelu, gelu_tanh"),
    LayerError(lambda: TransformerEncoderLayer(4, 2, 0), ValueError, "TransformerEncoderLayer: given hidden=0"),
    LayerError(lambda: TransformerDecoderLayer(4, 3), ValueError, "heads that divide dim"),
    LayerError(lambda: SinusoidalPositions(4, base=0), ValueError, "SinusoidalPositions: given base=0"),
    LayerError(lambda: SinusoidalPositions(4)(x(3, 5)), ValueError, r"SinusoidalPositions: given X of shape \(3, 5\)"),
    LayerError(lambda: SinusoidalPositions(4)(x(3, 4), start=-1), ValueError, "start=-1, needed 0 or more"),
    LayerError(lambda: LearnedPositions(2, 4)(x(3, 4)), ValueError, "positions up to 3, needed at most max_len=2"),
    LayerError(lambda: RotaryPositions(4)([1.0]), TypeError, "RotaryPositions: given X of type list"),
    LayerError(lambda: attend(x(3, 4), x(2, 5), x(2, 4)), ValueError, r"given q \(3, 4\), k \(2, 5\)"),
    LayerError(lambda: attend(x(2, 3, 4), x(3, 3, 4), x(3, 4)), ValueError, "needed leading axes that broadcast"),
    LayerError(lambda: attend(x(3, 4), x(3, 4), np.ones((3, 4), int)), TypeError, "given dtype int64"),
    LayerError(lambda: attend(x(3, 4), x(3, 4), x(3, 4), dropout=-1), ValueError, "given dropout=-1"),
]  # fmt: skip
