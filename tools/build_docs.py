"""Write the generated pages of the packages' documentation, or check that they are current.

    python tools/build_docs.py [--check] [--docs FOLDER]

Core's pages hold names of NumPy's and state the version they were built with. On another one `--check` compares what
both know: the sections of the operations that both have, and the class of each function that both have.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from core_pages.coverage import classes_of, coverage_page
from core_pages.operations import operations_page, sections_of
from core_pages.reading import VERSION
from optim_pages import picture, rules

ROOT = Path(__file__).resolve().parents[1]

# File -> its package, how to make it, and how to take apart what must hold on any version of NumPy.
PAGES: dict[str, tuple[str, Callable[[], str], Callable[[str], dict[str, str]]]] = {
    "operations.md": ("pureml-core", operations_page, sections_of),
    "coverage.md": ("pureml-core", coverage_page, classes_of),
    "rules.md": ("pureml-optim", rules.rules_page, rules.sections_of),
    "rules.svg": ("pureml-optim", picture.picture, picture.panels_of),
}


def stale(old: str, new: str, parts: Callable[[str], dict[str, str]]) -> str | None:
    """What an old page has not got right, or None."""
    before, now = parts(old), parts(new)
    versioned = "with NumPy" in new
    if versioned and f"with NumPy {VERSION};" not in old:
        return next((f"`{name}`" for name in sorted(before.keys() & now.keys()) if before[name] != now[name]), None)
    names = sorted(before.keys() | now.keys())
    other = next((f"`{n}`" for n in names if before.get(n) != now.get(n)), None)
    return other or ("its contents" if versioned and old != new else None)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the generated pages, or check them.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is not current")
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="where all are, instead of packages/*/docs")
    options = parser.parse_args()
    problems = []
    for name, (package, make, parts) in PAGES.items():
        page, path = make(), (options.docs or ROOT / "packages" / package / "docs") / name
        if not options.check:
            path.write_text(page, encoding="utf-8", newline="\n")
        elif not path.exists():
            problems.append(f"{path}: missing; hatch run docs writes it")
        elif (where := stale(path.read_text(encoding="utf-8"), page, parts)) is not None:
            problems.append(f"{path}: not current, see {where}; hatch run docs writes it anew")
    if options.check:
        print("\n".join(problems) or "docs: the generated pages are current")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
