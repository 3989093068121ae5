"""The checks of the workspace pass on it, and find what they are there to find."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def check(tool: str, root: Path, tree: Path | None = None) -> tuple[int, str]:
    command = [sys.executable, str(root / "tools" / f"{tool}.py"), *([str(tree)] if tree else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def tree(root: Path, tmp_path: Path) -> Path:
    """A copy of the packages to break."""
    ignored = shutil.ignore_patterns("__pycache__", "*.zip", "tests")
    shutil.copytree(root / "packages", tmp_path / "packages", ignore=ignored)
    shutil.copy(root / "LICENSE", tmp_path / "LICENSE")
    return tmp_path


@pytest.mark.parametrize("tool", ["check_imports", "check_versions"])
def test_the_workspace_passes(root: Path, tree: Path, tool: str) -> None:
    assert check(tool, root)[0] == 0
    assert check(tool, root, tree)[0] == 0, "the copy that the other tests break is whole"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("pureml-nn/src/pureml_nn/new.py", "import pureml_optim", "new.py:1: imports pureml_optim, which pureml-nn"),
        (
            "pureml-core/src/pureml_core/new.py",
            "def f():\n    import zarr",
            "new.py:2: imports zarr, which pureml-core",
        ),
        ("pureml-nn/src/pureml_nn/new.py", "from importlib import import_module as i\nimport scipy.special", ":2: "),
        ("pureml-nn/src/pureml_nn/new.py", "import importlib\nimportlib.import_module('pureml_io.archive')", ":2: "),
        ("pureml/src/pureml/new.py", "import matplotlib", "an extra, at the top"),
        ("pureml-core/src/pureml_core/mode.py", "from .tensor import Tensor", "in a circle: "),
        ("pureml-core/src/pureml_core/mode.py", "def f():\n    from . import ops", "in a circle: "),
    ],
)
def test_imports_that_are_not_allowed(root: Path, tree: Path, file: str, text: str, message: str) -> None:
    (tree / "packages" / file).write_text(text, encoding="utf-8")
    code, printed = check("check_imports", root, tree)
    assert code == 1 and message in printed


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pureml/src/pureml/new.py", "def f():\n    import matplotlib.figure"),
        (
            "pureml-core/src/pureml_core/mode.py",
            "import typing\nif typing.TYPE_CHECKING:\n    from .tensor import Tensor",
        ),
        ("pureml-nn/src/pureml_nn/new.py", "import json, os.path\nfrom numpy.linalg import norm"),
    ],
)
def test_imports_that_are_allowed(root: Path, tree: Path, file: str, text: str) -> None:
    (tree / "packages" / file).write_text(text, encoding="utf-8")
    assert check("check_imports", root, tree) == (0, check("check_imports", root)[1])


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("pureml-nn/pyproject.toml", 'version = "0.1.0"', 'dynamic = ["version"]', "not static"),
        ("pureml-nn/pyproject.toml", 'version = "0.1.0"', 'version = "0.1-x"', "not a PEP 440 version"),
        ("pureml-nn/pyproject.toml", "pureml-core>=0.1,<0.2", "pureml-core==0.1.0", "must be a range"),
        ("pureml-nn/pyproject.toml", "pureml-core>=0.1,<0.2", "pureml-core>=0.1", "must be a range"),
        ("pureml-nn/pyproject.toml", "pureml-core>=0.1,<0.2", "pureml-core", "must be a range"),
        ("pureml-core/pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"', "does not admit 0.2.0"),
        ("pureml-core/pyproject.toml", 'version = "0.1.0"', 'version = "0.1.0.dev1"', "does not admit 0.1.0.dev1"),
        ("pureml-io/CHANGELOG.md", "## Unreleased", "## 0.0.9", "pureml-io: CHANGELOG.md needs a heading"),
        ("pureml-io/LICENSE", "Apache", "Apaches", "pureml-io: LICENSE"),
        ("pureml-io/pyproject.toml", '">=3.11"', '">=3.10"', "but the classifiers name"),
        ("pureml-io/pyproject.toml", '  "Programming Language :: Python :: 3.12",\n', "", "but the classifiers name"),
        (
            "pureml-io/pyproject.toml",
            '  "Programming Language :: Python :: 3.13",\n',
            "",
            "differ between the packages",
        ),
    ],
)
def test_versions_that_do_not_agree(root: Path, tree: Path, file: str, old: str, new: str, message: str) -> None:
    path = tree / "packages" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    code, printed = check("check_versions", root, tree)
    assert code == 1 and message in printed
