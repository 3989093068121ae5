"""A step of every optimizer beside PyTorch's, with its default settings.

    python tools/bench/optim_step.py [--torch-python PATH] [--rounds 5] [--rules adam sgd ...]

float32, two threads; milliseconds per step, gradients given. "large": 5 million parameters in 20 tensors, "small":
204,800 in 200 tensors of 1,024, "sparse": a table of 50,000 x 128 of which 6,000 rows have a gradient, for the rules of
which PyTorch takes such gradients. Rules that PyTorch lacks are timed alone.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from peers import Figures, compare, parser, run_worker

# our class and settings, PyTorch's class and settings
RULES: dict[str, tuple[str, dict, str, dict]] = {
    "adam": ("Adam", {}, "Adam", {}),
    "adamw": ("AdamW", {}, "AdamW", {}),
    "amsgrad": ("Adam", {"amsgrad": True}, "Adam", {"amsgrad": True}),
    "sgd": ("SGD", {"beta": 0.9, "momentum": "classical"}, "SGD", {"momentum": 0.9}),
    "nesterov": ("SGD", {"beta": 0.9, "momentum": "nesterov"}, "SGD", {"momentum": 0.9, "nesterov": True}),
    "adagrad": ("AdaGrad", {}, "Adagrad", {}),
    "rmsprop": ("RMSProp", {}, "RMSprop", {}),
    "nadam": ("NAdam", {}, "NAdam", {}),
    "radam": ("RAdam", {}, "RAdam", {}),
    "adamax": ("Adamax", {}, "Adamax", {}),
    "adadelta": ("AdaDelta", {}, "Adadelta", {}),
    "adafactor": ("Adafactor", {}, "Adafactor", {}),
    "muon": ("Muon", {}, "Muon", {}),
    "lion": ("Lion", {}, "", {}),
    "lamb": ("LAMB", {}, "", {}),
}
SHAPES = {"large": [(500, 500)] * 20, "small": [(32, 32)] * 200}
TABLE, TOUCHED = (50_000, 128), 6_000


def arrays(shapes: list[tuple[int, ...]], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]


def timed(step: Callable[[], object], steps: int) -> float:
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds[steps // 4 :])


def steps_of(what: str, rule: str) -> int:
    return {"large": 8 if rule == "muon" else 30, "small": 60, "sparse": 30}[what]


def ours(rule: str) -> Figures:
    import pureml_optim
    from pureml_core import Parameter, RowSparse

    name, settings, _, _ = RULES[rule]
    cls = getattr(pureml_optim, name)
    found = {}
    for what, shapes in SHAPES.items():
        params = [Parameter(a) for a in arrays(shapes, 0)]
        for p, g in zip(params, arrays(shapes, 1), strict=True):
            p.grad = g
        found[what] = timed(cls(params, lr=1e-3, **settings).step, steps_of(what, rule))
    if rule in ("adam", "adagrad", "sgd"):
        table = Parameter(arrays([TABLE], 0)[0])
        rows = np.random.default_rng(2).choice(TABLE[0], TOUCHED, replace=False)
        table.grad = RowSparse(rows, arrays([(TOUCHED, TABLE[1])], 1)[0], TABLE)
        settings = {} if rule == "sgd" else settings
        found["sparse"] = timed(cls([table], lr=1e-3, **settings).step, steps_of("sparse", rule))
    return found


def torch(rule: str) -> Figures:
    import torch

    torch.sparse.check_sparse_tensor_invariants.disable()
    torch.set_num_threads(2)
    _, _, name, settings = RULES[rule]
    found = {}
    for what, shapes in SHAPES.items():
        params = [torch.nn.Parameter(torch.from_numpy(a)) for a in arrays(shapes, 0)]
        for p, g in zip(params, arrays(shapes, 1), strict=True):
            p.grad = torch.from_numpy(g)
        found[what] = timed(getattr(torch.optim, name)(params, lr=1e-3, **settings).step, steps_of(what, rule))
    if rule in ("adam", "adagrad", "sgd"):
        table = torch.nn.Parameter(torch.from_numpy(arrays([TABLE], 0)[0]))
        rows = np.random.default_rng(2).choice(TABLE[0], TOUCHED, replace=False)
        values = torch.from_numpy(arrays([(TOUCHED, TABLE[1])], 1)[0])
        table.grad = torch.sparse_coo_tensor(torch.from_numpy(rows)[None], values, TABLE).coalesce()
        cls = torch.optim.SparseAdam if rule == "adam" else getattr(torch.optim, name)
        found["sparse"] = timed(cls([table], lr=1e-3).step, steps_of("sparse", rule))
    return found


def main() -> None:
    if run_worker({"ours": ours, "torch": torch}):
        return
    options = parser(__doc__, rounds=5)
    options.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES))
    given = options.parse_args()
    for rule in given.rules:
        print(f"\n{rule}")
        names = ["ours", "torch"] if RULES[rule][2] else ["ours"]
        compare(__file__, names, given, "ms per step", (rule,))


if __name__ == "__main__":
    sys.exit(main())
