"""Do the packages' versions, ranges, changelogs and licences agree?

    python tools/check_versions.py [ROOT]

For each package under `packages/`: the version is static and a PEP 440 version; ranges on siblings have a lower and an
upper bound, are no pins, and admit the sibling's version in the tree; CHANGELOG.md has a heading "Unreleased" or one
of the current version; LICENSE is the root's; `requires-python` and the classifiers name the same Python versions, and
all packages the same ones. Only the standard library is needed.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# PEP 440, appendix B, without epochs and local versions, which no release of ours needs.
VERSION = re.compile(r"(?P<release>\d+(\.\d+)*)(?P<pre>(a|b|rc)\d+)?(?P<post>\.post\d+)?(?P<dev>\.dev\d+)?")
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*?)\s*(\[[^\]]*\])?\s*(?P<range>([<>=!~].*)?)")
CLAUSE = re.compile(r"\s*(?P<operator><=|>=|==|!=|~=|<|>)\s*(?P<version>[^\s,]+)\s*")
PYTHON = "Programming Language :: Python :: "

Key = tuple[tuple[int, ...], tuple[int, str, int]]


def key(version: str) -> Key:
    """What versions are ordered by: 1.0.dev1 < 1.0a1 < 1.0rc1 < 1.0 == 1.0.0 < 1.0.post1."""
    parts = VERSION.fullmatch(version)
    if parts is None:
        raise ValueError(f"{version!r} is not a PEP 440 version such as 0.1.0 or 1.2.0rc1")
    release = [int(number) for number in parts["release"].split(".")]
    while release and release[-1] == 0:
        release.pop()
    if parts["pre"]:
        stage = re.fullmatch(r"([a-z]+)(\d+)", parts["pre"])
        assert stage is not None
        return tuple(release), (-1, stage[1], int(stage[2]))
    if parts["post"]:
        return tuple(release), (1, "", int(parts["post"].removeprefix(".post")))
    if parts["dev"]:
        return tuple(release), (-2, "", int(parts["dev"].removeprefix(".dev")))
    return tuple(release), (0, "", 0)


def range_problem(text: str, version: str) -> str | None:
    """Why the range `text` will not do for a sibling whose version in the tree is `version`; None if it will."""
    clauses = [CLAUSE.fullmatch(part) for part in text.split(",")] if text else []
    found = [(clause["operator"], clause["version"]) for clause in clauses if clause]
    if len(found) != len(clauses) or {operator for operator, _ in found} != {">=", "<"} or len(found) != 2:
        return f"{text or 'no range'!r} must be a range with both ends, such as '>=0.1,<0.2'"
    bounds = dict(found)
    if not key(bounds[">="]) <= key(version) < key(bounds["<"]):
        return f"{text!r} does not admit {version}, the version in the tree"
    return None


def check_siblings(project: dict[str, Any], versions: dict[str, str]) -> Iterator[str]:
    extras = project.get("optional-dependencies", {})
    for requirement in [*project.get("dependencies", []), *(r for rs in extras.values() for r in rs)]:
        parts = REQUIREMENT.fullmatch(requirement.partition(";")[0].strip())
        if parts is None:
            yield f"cannot read the requirement {requirement!r}"
        elif parts["name"] in versions and (problem := range_problem(parts["range"], versions[parts["name"]])):
            yield f"{parts['name']}: {problem}"


def check_python(project: dict[str, Any]) -> Iterator[str]:
    """requires-python ">=3.11" asks for classifiers 3.11, 3.12, ... without a gap, the first being the lowest."""
    lowest = re.fullmatch(r">=3\.(\d+)", project.get("requires-python", ""))
    named = [c.removeprefix(PYTHON) for c in project.get("classifiers", []) if c.startswith(PYTHON)]
    minors = sorted(int(name.partition(".")[2]) for name in named if re.fullmatch(r"3\.\d+", name))
    if lowest is None:
        yield f"requires-python is {project.get('requires-python')!r}, needed is a lower bound such as '>=3.11'"
    elif not minors or minors != list(range(int(lowest[1]), minors[-1] + 1)):
        yield f"requires-python {project['requires-python']!r}, but the classifiers name {named}"


def check_package(folder: Path, root: Path, project: dict[str, Any], versions: dict[str, str]) -> Iterator[str]:
    if "version" not in project or "version" in project.get("dynamic", []):
        yield "the version is not static: write it under [project]"
    elif VERSION.fullmatch(project["version"]) is None:
        yield f"version {project['version']!r} is not a PEP 440 version such as 0.1.0 or 1.2.0rc1"
    else:
        changelog = folder / "CHANGELOG.md"
        heading = rf"^## \[?(Unreleased|{re.escape(project['version'])})\b"
        if not changelog.is_file() or not re.search(heading, changelog.read_text(encoding="utf-8"), re.MULTILINE):
            yield f"CHANGELOG.md needs a heading '## Unreleased' or '## {project['version']}'"
    licence = folder / "LICENSE"
    if not licence.is_file() or licence.read_bytes() != (root / "LICENSE").read_bytes():
        yield "LICENSE is missing or differs from the one at the root"
    yield from check_siblings(project, versions)
    yield from check_python(project)


def check(root: Path) -> list[str]:
    """What is wrong with the packages under `root/packages`, a line each."""
    files = sorted((root / "packages").glob("*/pyproject.toml"))
    if not files:
        return [f"{root}: no packages/*/pyproject.toml here"]
    projects = {file.parent: tomllib.loads(file.read_text(encoding="utf-8"))["project"] for file in files}
    versions = {
        project["name"]: project["version"]
        for project in projects.values()
        if VERSION.fullmatch(project.get("version", ""))
    }
    problems = [
        f"{folder.relative_to(root)}: {problem}"
        for folder, project in projects.items()
        for problem in check_package(folder, root, project, versions)
    ]
    pythons = {
        (project.get("requires-python"), *(c for c in project.get("classifiers", []) if c.startswith(PYTHON)))
        for project in projects.values()
    }
    if len(pythons) > 1:
        problems.append("packages: requires-python and the Python classifiers differ between the packages")
    return problems


def main() -> None:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1]
    problems = check(root)
    print("\n".join(problems) or "versions: ranges, changelogs, licences and Python versions agree")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
