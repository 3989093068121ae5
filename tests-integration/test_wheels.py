"""The wheels: everything in that belongs in, nothing else."""

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PACKAGES = ["pureml-core", "pureml-nn", "pureml-optim", "pureml-io", "pureml-data", "pureml"]


@pytest.fixture(scope="module", params=PACKAGES)
def wheel(request: pytest.FixtureRequest, root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=root / "packages" / request.param, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return zipfile.ZipFile(file)


def import_name(wheel: zipfile.ZipFile) -> str:
    return Path(str(wheel.filename)).name.partition("-")[0]


def test_contents(wheel: zipfile.ZipFile, root: Path) -> None:
    name, files = import_name(wheel), wheel.namelist()
    src = root / "packages" / name.replace("_", "-") / "src"
    tree = {path.relative_to(src).as_posix() for path in src.rglob("*") if path.is_file()}
    tree = {path for path in tree if "__pycache__" not in path}
    assert {file for file in files if ".dist-info/" not in file} == tree
    assert f"{name}/py.typed" in files and f"{name}/__init__.py" in files
    (licence,) = [file for file in files if file.endswith("/LICENSE")]
    assert wheel.read(licence) == (root / "LICENSE").read_bytes()


def test_metadata(wheel: zipfile.ZipFile) -> None:
    (file,) = [file for file in wheel.namelist() if file.endswith(".dist-info/METADATA")]
    metadata = Parser().parsestr(wheel.read(file).decode())
    assert metadata["Name"] == import_name(wheel).replace("_", "-")
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    siblings = [line for line in metadata.get_all("Requires-Dist") or [] if line.startswith("pureml")]
    assert all("<" in line and ">=" in line and "file:" not in line for line in siblings)
    assert bool(siblings) == (metadata["Name"] != "pureml-core")


def test_mnist_is_inside_pureml_data_alone(wheel: zipfile.ZipFile) -> None:
    large = [info.filename for info in wheel.infolist() if info.file_size > 1_000_000]
    assert bool(large) == (import_name(wheel) == "pureml_data"), large
    assert all("mnist" in name.lower() for name in large)


def test_the_state_store_is_declared_by_pureml_io_alone(wheel: zipfile.ZipFile) -> None:
    points = [wheel.read(file).decode() for file in wheel.namelist() if file.endswith("entry_points.txt")]
    assert any("[pureml.state_store]" in text for text in points) == (import_name(wheel) == "pureml_io")
