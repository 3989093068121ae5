"""Each package is importable with only what it declares; what importing loads."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

PACKAGES = ["pureml-core", "pureml-nn", "pureml-optim", "pureml-io", "pureml-data", "pureml"]

# Refuses the packages of this repository, and zarr with its codecs, unless they are among the arguments after the
# first; then imports every module of the package that the first argument names.
IMPORT_ALL = """
import importlib, pkgutil, sys

package, *allowed = sys.argv[1:]
guarded = {"pureml", "pureml_core", "pureml_nn", "pureml_optim", "pureml_io", "pureml_data", "zarr", "numcodecs"}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in guarded and top not in {package, *allowed}:
            raise ModuleNotFoundError(f"{package} imports {name}, which it does not declare")

sys.meta_path.insert(0, Blocker())
module = importlib.import_module(package)
for info in pkgutil.walk_packages(module.__path__, package + "."):
    importlib.import_module(info.name)
print(len(module.__all__))
"""


def declared(root: Path, package: str) -> set[str]:
    """The import names that a package may use, those that its siblings need included."""
    project = tomllib.loads((root / "packages" / package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[<>=~!\[ ]", requirement)[0] for requirement in project["dependencies"]}
    siblings = [name for name in sorted(names) if name in PACKAGES]
    return {name.replace("-", "_") for name in names}.union(*(declared(root, name) for name in siblings))


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_with_only_what_it_declares(root: Path, run_python: Callable[..., str], package: str) -> None:
    allowed = sorted(declared(root, package))
    assert int(run_python(IMPORT_ALL, package.replace("-", "_"), *allowed)) > 0


# Modules without a spec are what Cython leaves behind, not something that was imported.
LOADED = """
import sys
before = set(sys.modules)
import {package}
new = {{name.partition(".")[0] for name in set(sys.modules) - before if getattr(sys.modules[name], "__spec__", None)}}
print(" ".join(sorted(new - set(sys.stdlib_module_names))))
"""


@pytest.mark.parametrize(
    ("package", "loaded"),
    [
        ("pureml_core", "numpy pureml_core"),
        ("pureml_nn", "numpy pureml_core pureml_nn"),
        ("pureml_optim", "numpy pureml_core pureml_optim"),
        ("pureml", "numpy pureml pureml_core"),
    ],
)
def test_importing_loads_no_more_than_it_should(run_python: Callable[..., str], package: str, loaded: str) -> None:
    assert run_python(LOADED.format(package=package)).split() == loaded.split()


def test_training_on_arrays_loads_no_zarr(run_python: Callable[..., str]) -> None:
    run_python(
        "import sys, numpy as np, pureml\n"
        "from pureml.layers import Affine\n"
        "from pureml.losses import MSE\n"
        "from pureml.optimizers import Adam\n"
        "layer = Affine(3, 1)\n"
        "optimizer = Adam(layer.parameters, lr=0.1)\n"
        "MSE(np.ones((4, 1)), layer(np.ones((4, 3)))).backward()\n"
        "optimizer.step()\n"
        "assert 'zarr' not in sys.modules\n"
    )


def test_what_stands_in_two_packages_is_one_text(root: Path) -> None:
    texts = {path.read_text() for path in root.glob("packages/*/src/*/blosc_guard.py")}
    assert len(texts) == 1 and len(list(root.glob("packages/*/src/*/blosc_guard.py"))) == 2
