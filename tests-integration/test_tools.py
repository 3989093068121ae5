"""The checks of the workspace pass on it, and find what they are there to find."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = """
[project]
name = "{name}"
version = "0.1.0"
requires-python = ">=3.11"
classifiers = ["Programming Language :: Python :: 3.11", "Programming Language :: Python :: 3.12"]
dependencies = [{dependencies}]

[project.optional-dependencies]
plot = ["matplotlib>=3.8"]
"""
DEPENDENCIES = {"pureml-core": '"numpy>=2.0"', "pureml-nn": '"numpy>=2.0", "pureml-core>=0.1,<0.2"'}


def check(tool: str, root: Path, *tree: Path) -> tuple[int, str]:
    command = [sys.executable, str(root / "tools" / f"{tool}.py"), *map(str, tree)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A workspace of two packages to break."""
    (tmp_path / "LICENSE").write_text("You may.\n")
    for name, dependencies in DEPENDENCIES.items():
        src = tmp_path / "packages" / name / "src" / name.replace("-", "_")
        src.mkdir(parents=True)
        (src / "__init__.py").write_text("from .one import x\n")
        (src / "one.py").write_text("from .two import x\n")
        (src / "two.py").write_text("import numpy as np\nx = np.pi\n")
        package = tmp_path / "packages" / name
        (package / "LICENSE").write_text("You may.\n")
        (package / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n")
        (package / "pyproject.toml").write_text(PROJECT.format(name=name, dependencies=dependencies))
    return tmp_path


@pytest.mark.parametrize("tool", ["check_imports", "check_versions"])
def test_the_workspace_passes(root: Path, tree: Path, tool: str) -> None:
    assert check(tool, root)[0] == 0, check(tool, root)[1]
    assert check(tool, root, tree)[0] == 0, "the workspace that the other tests break is whole"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("pureml-nn/src/pureml_nn/two.py", "import pureml_optim", "two.py:1: imports pureml_optim, which pureml-nn"),
        (
            "pureml-core/src/pureml_core/two.py",
            "def f():\n    import zarr",
            "two.py:2: imports zarr, which pureml-core",
        ),
        ("pureml-nn/src/pureml_nn/two.py", "import json\nimport scipy.special as s", "two.py:2: imports scipy.special"),
        (
            "pureml-nn/src/pureml_nn/two.py",
            "import importlib\nimportlib.import_module('zarr')",
            "two.py:2: imports zarr",
        ),
        ("pureml-nn/src/pureml_nn/two.py", "import pickle", "two.py:1: imports pickle, which runs what a file"),
        (
            "pureml-nn/src/pureml_nn/two.py",
            "def f():\n    from marshal import loads",
            "two.py:2: imports marshal, which",
        ),
        ("pureml-nn/src/pureml_nn/two.py", "from matplotlib import figure", "an extra, at the top"),
        ("pureml-nn/src/pureml_nn/two.py", "from .one import x", "circle: pureml_nn.one -> pureml_nn.two -> pureml_nn"),
        ("pureml-nn/src/pureml_nn/two.py", "def f():\n    from . import one", "in a circle: "),
        ("pureml-core/src/pureml_core/two.py", "import pureml_core", "in a circle: "),
    ],
)
def test_imports_that_are_not_allowed(root: Path, tree: Path, file: str, text: str, message: str) -> None:
    (tree / "packages" / file).write_text(text)
    code, printed = check("check_imports", root, tree)
    assert code == 1 and message in printed, printed


@pytest.mark.parametrize(
    "text",
    [
        "import json, os.path\nfrom numpy.linalg import norm\nfrom pureml_core.one import x",
        "def f():\n    import matplotlib.figure",
        "import typing\nif typing.TYPE_CHECKING:\n    import matplotlib\n    from .one import x",
    ],
)
def test_imports_that_are_allowed(root: Path, tree: Path, text: str) -> None:
    (tree / "packages/pureml-nn/src/pureml_nn/two.py").write_text(text)
    assert check("check_imports", root, tree)[0] == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("pureml-nn/pyproject.toml", 'version = "0.1.0"', 'dynamic = ["version"]', "not static"),
        ("pureml-nn/pyproject.toml", "0.1.0", "0.1-x", "not a PEP 440 version"),
        ("pureml-nn/pyproject.toml", ">=0.1,<0.2", "==0.1.0", "must be a range"),
        ("pureml-nn/pyproject.toml", ">=0.1,<0.2", ">=0.1", "must be a range"),
        ("pureml-nn/pyproject.toml", ">=0.1,<0.2", "", "must be a range"),
        ("pureml-core/pyproject.toml", "0.1.0", "0.2.0", "does not admit 0.2.0"),
        ("pureml-core/pyproject.toml", "0.1.0", "0.1.0.dev1", "does not admit 0.1.0.dev1"),
        ("pureml-core/CHANGELOG.md", "Unreleased", "0.0.9", "pureml-core: CHANGELOG.md needs a heading"),
        ("pureml-core/LICENSE", "You may", "You may not", "pureml-core: LICENSE"),
        ("pureml-core/pyproject.toml", ">=3.11", ">=3.10", "but the classifiers name"),
        ("pureml-core/pyproject.toml", "Python :: 3.11", "Python :: 3.13", "but the classifiers name"),
        ("pureml-core/pyproject.toml", ', "Programming Language :: Python :: 3.12"', "", "differ between the packages"),
    ],
)
def test_versions_that_do_not_agree(root: Path, tree: Path, file: str, old: str, new: str, message: str) -> None:
    path = tree / "packages" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    code, printed = check("check_versions", root, tree)
    assert code == 1 and message in printed, printed


@pytest.mark.parametrize(("version", "range"), [("0.2.0rc1", ">=0.1,<0.3"), ("0.1.0.post1", ">=0.1, <0.2")])
def test_versions_that_agree(root: Path, tree: Path, version: str, range: str) -> None:
    for name, old, new in (("pureml-core", "0.1.0", version), ("pureml-nn", ">=0.1,<0.2", range)):
        path = tree / "packages" / name / "pyproject.toml"
        path.write_text(path.read_text().replace(old, new))
    (tree / "packages/pureml-core/CHANGELOG.md").write_text(f"## {version} - today\n")
    assert check("check_versions", root, tree)[0] == 0
