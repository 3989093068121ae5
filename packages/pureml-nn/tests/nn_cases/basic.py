from pureml_nn import Affine, Dropout, Sequential, relu

from .case import LayerCase, LayerError

LAYERS = [
    LayerCase("Affine 1-D", lambda: Affine(4, 3, seed=0), ((4,),), (3,)),
    LayerCase("Affine 2-D", lambda: Affine(4, 3, seed=0), ((5, 4),), (5, 3)),
    LayerCase("Affine 3-D", lambda: Affine(4, 3, seed=0), ((2, 5, 4),), (2, 5, 3)),
    LayerCase("Affine 4-D", lambda: Affine(2, 3, seed=0), ((2, 1, 3, 2),), (2, 1, 3, 3)),
    LayerCase("Affine batch of one", lambda: Affine(4, 3, seed=0), ((1, 4),), (1, 3)),
    LayerCase("Affine batch = fan_in", lambda: Affine(4, 3, seed=0), ((4, 4),), (4, 3)),
    LayerCase("Affine batch = fan_out", lambda: Affine(4, 3, seed=0), ((3, 4),), (3, 3)),
    LayerCase("Affine square", lambda: Affine(3, 3, seed=0), ((3, 3),), (3, 3)),
    LayerCase("Affine cube", lambda: Affine(3, 3, seed=0), ((3, 3, 3),), (3, 3, 3)),
    LayerCase("Affine one to one", lambda: Affine(1, 1, seed=0), ((2, 1),), (2, 1)),
    LayerCase("Affine empty batch", lambda: Affine(4, 3, seed=0), ((0, 4),), (0, 3)),
    LayerCase("Affine empty 3-D", lambda: Affine(4, 3, seed=0), ((2, 0, 4),), (2, 0, 3)),
    LayerCase("Affine without bias", lambda: Affine(4, 3, "kaiming-normal", bias=False, seed=0), ((5, 4),), (5, 3)),
    LayerCase("Dropout 0-d", lambda: Dropout(0.5, seed=1), ((),), (), train_differs=True),
    LayerCase("Dropout 2-D", lambda: Dropout(0.25, seed=0), ((5, 4),), (5, 4), train_differs=True),
    LayerCase("Dropout 4-D", lambda: Dropout(0.75, seed=0), ((2, 3, 2, 2),), (2, 3, 2, 2), train_differs=True),
    LayerCase("Dropout empty batch", lambda: Dropout(0.5, seed=0), ((0, 4),), (0, 4)),
    LayerCase("Dropout of nothing", lambda: Dropout(0, seed=0), ((5, 4),), (5, 4)),
    LayerCase("Dropout of everything", lambda: Dropout(1, seed=0), ((5, 4),), (5, 4), train_differs=True),
    LayerCase(
        "Sequential",
        lambda: Sequential(Affine(4, 6, seed=0), relu, Dropout(0.5, seed=1), Affine(6, 3, seed=2)),
        ((5, 4),),
        (5, 3),
        train_differs=True,
    ),
]

ERRORS: list[LayerError] = []
