"""rules.svg: the paths of all rules in one valley, a panel for each."""

import functools
import re
from collections.abc import Callable
from math import sqrt

import numpy as np
import pureml_optim
from pureml_core import Parameter
from pureml_optim import Optimizer

STEPS = 200
FLOOR = 1e-12
START = (-1.2, 1.0)
STEEP = 5.0

# What the panel says, the rule, and settings that suit this surface; SVG and page follow this order.
RULES: dict[str, tuple[str, dict[str, object]]] = {
    "SGD": ("SGD", {"lr": 0.02}),
    "SGD, classical momentum": ("SGD", {"lr": 0.005, "beta": 0.9, "momentum": "classical"}),
    "SGD, Nesterov": ("SGD", {"lr": 0.005, "beta": 0.9, "momentum": "nesterov"}),
    "AdaGrad": ("AdaGrad", {"lr": 0.3}),
    "AdaDelta": ("AdaDelta", {"lr": 0.5, "beta": 0.9, "delta": 1e-3}),
    "RMSProp": ("RMSProp", {"lr": 0.02}),
    "Adam": ("Adam", {"lr": 0.1}),
    "AMSGrad": ("Adam", {"lr": 0.1, "amsgrad": True}),
    "Adamax": ("Adamax", {"lr": 0.2}),
    "NAdam": ("NAdam", {"lr": 0.05}),
    "RAdam": ("RAdam", {"lr": 0.05}),
    "Lion": ("Lion", {"lr": 0.015}),
    "LAMB": ("LAMB", {"lr": 0.05}),
    "Adafactor": ("Adafactor", {"lr": 0.2}),
    "Muon": ("Muon", {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.0}),
    "L-BFGS": ("LBFGS", {"lr": 1.0, "max_iter": 1}),
}


def loss_and_gradient(x: float, y: float) -> tuple[float, list[float]]:
    """(1 − x)² + 5 (y − x²)², and its derivatives."""
    a, b = 1 - x, y - x * x
    return a * a + STEEP * b * b, [-2 * a - 4 * STEEP * x * b, 2 * STEEP * b]


@functools.cache
def paths() -> dict[str, tuple[str, list[float]]]:
    """Of every rule its settings as text, and the losses on its way."""
    return {name: (text, losses) for name, (text, losses, _) in _runs().items()}


@functools.cache
def _runs() -> dict[str, tuple[str, list[float], list[tuple[float, float]]]]:
    found = {}
    for name, (cls, settings) in RULES.items():
        w = Parameter([list(START)], dtype=np.float64)  # a matrix of one row, which Muon asks for
        optim: Optimizer = getattr(pureml_optim, cls)({"w": w}, **settings)
        points, losses = [START], []

        def closure(w: Parameter = w) -> float:
            value, gradient = loss_and_gradient(*w.data[0].tolist())
            w.grad = np.array([gradient])
            return value

        step: Callable[[], object] = functools.partial(optim.step, closure) if cls == "LBFGS" else optim.step
        for _ in range(STEPS):
            closure()
            step()
            x, y = w.data[0].tolist()
            points.append((x, y))
            losses.append(max(loss_and_gradient(x, y)[0], FLOOR))
        found[name] = (", ".join(f"{k}={v}" for k, v in settings.items()), losses, points)
    return found


LEFT, RIGHT, BOTTOM, TOP = -1.7, 1.7, -0.7, 1.9
SIZE, COLUMNS, GAP, TITLE = 220, 4, 12, 20
HEIGHT = round(SIZE * (TOP - BOTTOM) / (RIGHT - LEFT))


def picture() -> str:
    """The SVG."""
    rows = -(-len(RULES) // COLUMNS)
    width, height = COLUMNS * (SIZE + GAP) + GAP, rows * (HEIGHT + TITLE + GAP) + GAP
    panels = []
    for i, (name, (_, _, points)) in enumerate(_runs().items()):
        x, y = GAP + i % COLUMNS * (SIZE + GAP), GAP + i // COLUMNS * (HEIGHT + TITLE + GAP)
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in map(_place, points))
        dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="1.4"/>' for a, b in map(_place, points[::10]))
        panels.append(
            f'<g transform="translate({x},{y})"><title>{name}</title><text y="13">{name}</text>'
            f'<svg y="{TITLE}" width="{SIZE}" height="{HEIGHT}" viewBox="0 0 {SIZE} {HEIGHT}">'
            f'<use href="#surface"/><polyline points="{line}"/><g class="dots">{dots}</g></svg></g>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        "<style>text{font:13px sans-serif;fill:#222}.contour{fill:none;stroke:#b8c4d0;stroke-width:1}"
        "polyline{fill:none;stroke:#c2410c;stroke-width:1.4;stroke-linejoin:round}.dots{fill:#7c2d12}</style>\n"
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n<defs><g id="surface">{_surface()}</g></defs>\n'
        + "\n".join(panels)
        + "\n</svg>\n"
    )


def panels_of(page: str) -> dict[str, str]:
    """What must hold of the picture: its panels. Paths may differ in their last steps from processor to processor."""
    return dict.fromkeys(re.findall("<title>(.*?)</title>", page), "there")


def _place(point: tuple[float, float]) -> tuple[float, float]:
    x, y = point
    return (x - LEFT) / (RIGHT - LEFT) * SIZE, (TOP - y) / (TOP - BOTTOM) * HEIGHT


def _surface() -> str:
    """Contours: (1 − x)² + 5 (y − x²)² = c where y = x² ± √((c − (1 − x)²) / 5)."""
    found = [f'<rect width="{SIZE}" height="{HEIGHT}" fill="#f6f8fa"/>']
    for c in (0.05, 0.25, 0.75, 1.75, 4, 9, 18):
        root = sqrt(c)
        xs = [1 - root * (1 - t * t * (3 - 2 * t) * 2) for t in (i / 60 for i in range(61))]  # denser at both ends
        away = [sqrt(max(0.0, c - (1 - x) ** 2) / STEEP) for x in xs]
        ring = [(x, x * x + d) for x, d in zip(xs, away, strict=True)]
        ring += [(x, x * x - d) for x, d in zip(xs[::-1], away[::-1], strict=True)]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in map(_place, ring))
        found.append(f'<polygon class="contour" points="{path}"/>')
    x, y = _place((1.0, 1.0))
    found.append(f'<path d="M{x - 4:.1f},{y:.1f}h8M{x:.1f},{y - 4:.1f}v8" stroke="#222" stroke-width="1.2"/>')
    return "".join(found)
