"""The generated pages are checked: what is not current is named, and another NumPy's names do not matter."""

import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def run(root: Path):
    def run(*options: str | Path) -> tuple[int, str]:
        command = [sys.executable, str(root / "tools" / "build_docs.py"), *map(str, options)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def written(run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("docs")
    assert run("--docs", folder) == (0, "")
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def check(run, folder: Path, pages: dict[str, str]) -> tuple[int, str]:
    for name, page in pages.items():
        (folder / name).write_text(page, encoding="utf-8")
    return run("--check", "--docs", folder)


def test_what_is_not_current_is_named(run, written, tmp_path) -> None:
    assert check(run, tmp_path, written)[0] == 0
    operations = written["operations.md"].replace("lambda g: g * y", "lambda g: g / y", 1)
    coverage = re.sub(r"^\| `np\.exp` .*\n", "", written["coverage.md"], flags=re.MULTILINE)
    rules = written["rules.md"].replace("w -= s.lr * g", "w += s.lr * g")
    pages = {**written, "operations.md": operations, "coverage.md": coverage, "rules.md": rules}
    code, message = check(run, tmp_path, pages)
    assert "rules.md: not current, see `SGD`;" in message and "rules.svg" not in message
    assert code == 1 and "hatch run docs" in message
    assert re.search(r"operations\.md: not current, see `\w+`;", message)
    assert "coverage.md: not current, see `np.exp`;" in message
    (tmp_path / "coverage.md").unlink()
    assert "coverage.md: missing" in run("--check", "--docs", tmp_path)[1]


def test_on_another_numpy_only_what_both_know_is_compared(run, written, tmp_path) -> None:
    both = ("operations.md", "coverage.md")
    operations, coverage = (re.sub(r"with NumPy [\d.]+;", "with NumPy 1.0;", written[n]) for n in both)
    operations = re.sub(r"^### `exp`$.*?(?=^###? )", "", operations, flags=re.MULTILINE | re.DOTALL)
    operations = operations.replace("- NumPy: `np.log`", "- NumPy: `np.log`, `np.old_log`")
    coverage = re.sub(r"^\| `np\.exp` .*\n", "", coverage, flags=re.MULTILINE).replace("`np.load`", "`np.old_load`")
    pages = {**written, "operations.md": operations, "coverage.md": coverage}
    assert check(run, tmp_path, pages) == (0, "docs: the generated pages are current\n")
    pages["coverage.md"] = coverage.replace("`np.zeros`", "`np.log`")
    code, message = check(run, tmp_path, pages)
    assert code == 1 and "coverage.md: not current, see `np.log`;" in message and "operations.md" not in message
