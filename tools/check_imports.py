"""Do the packages import only what they declare, and never in a circle?

    python tools/check_imports.py [ROOT]

Reads the imports of every file under `packages/*/src` from its syntax tree; nothing is executed. A file may import

- the standard library, its own package, and what its `[project].dependencies` name;
- inside a function or under `TYPE_CHECKING`, also what its `[project.optional-dependencies]` name;
- nothing that runs code while it reads data, such as pickle, unless it is one of `UNPICKLING`.

And within a package no file may import, directly or through others, a file that imports it. Imports inside functions
count, as the arrow is the same; those under `TYPE_CHECKING` do not.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Distributions whose import name is not their own name with underscores.
IMPORT_NAMES = {"pillow": "PIL", "scikit-learn": "sklearn", "pyyaml": "yaml"}

# What runs code while it reads data, and who may all the same, for a reason that the file gives.
UNSAFE = {"pickle", "_pickle", "marshal", "shelve", "cloudpickle", "dill", "joblib"}
UNPICKLING = {"pureml_data.workers"}


@dataclass(frozen=True)
class Import:
    """One imported name: `module`, or `module.name` for `from module import name`."""

    module: str
    name: str | None
    line: int
    deferred: bool  # inside a function
    typing_only: bool  # under `if TYPE_CHECKING:`

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def import_name(requirement: str) -> str:
    """The top-level module that a requirement such as "pureml-core>=0.1,<0.2" provides."""
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    if found is None:
        raise ValueError(f"not a requirement: {requirement!r}")
    distribution = re.sub(r"[._-]+", "-", found[0].rstrip("._-")).lower()
    return IMPORT_NAMES.get(distribution, distribution.replace("-", "_"))


def module_names(src: Path) -> dict[str, Path]:
    """Dotted name -> file, for every module under `src`."""
    names = {}
    for path in sorted(src.rglob("*.py")):
        parts = path.relative_to(src).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imports_of(module: str, path: Path) -> Iterator[Import]:
    """Every import of a file, relative ones resolved; `import_module("literal")` counts as one."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]

    def visit(node: ast.AST, deferred: bool, typing_only: bool) -> Iterator[Import]:
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield Import(alias.name, None, node.lineno, deferred, typing_only)
            case ast.ImportFrom(module=name, names=aliases, level=level):
                base = ".".join(package.split(".")[: len(package.split(".")) - level + 1]) if level else ""
                source = ".".join(part for part in (base, name) if part)
                for alias in aliases:
                    yield Import(source, alias.name, node.lineno, deferred, typing_only)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ) if not name.startswith("."):
                yield Import(name, None, node.lineno, deferred, typing_only)
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                for statement in node.body:
                    yield from visit(statement, deferred, True)
                for statement in node.orelse:
                    yield from visit(statement, deferred, typing_only)
                return
        inside = deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside, typing_only)

    yield from visit(ast.parse(path.read_text(encoding="utf-8"), str(path)), False, False)


def target(found: Import, modules: dict[str, Path]) -> str | None:
    """The module of the same package that an import leads to: `from p import a` is p.a if that is a file, else p."""
    submodule = f"{found.module}.{found.name}"
    if submodule in modules:
        return submodule
    return found.module if found.module in modules else None


def find_cycle(arrows: dict[str, set[str]]) -> list[str] | None:
    """One circle of imports, its first module repeated at the end; None when there is none."""
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> list[str] | None:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return None
        for following in sorted(arrows[module]):
            if (cycle := walk(following, [*path, module])) is not None:
                return cycle
        done.add(module)
        return None

    return next((cycle for module in sorted(arrows) if (cycle := walk(module, [])) is not None), None)


def check_package(folder: Path, root: Path) -> Iterator[str]:
    """What is wrong with the imports of one package, a line each."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = import_name(project["name"])
    declared = {own, *map(import_name, project.get("dependencies", []))}
    extras = {import_name(r) for rs in project.get("optional-dependencies", {}).values() for r in rs}
    modules = module_names(folder / "src")
    if own not in modules:
        yield f"{folder.relative_to(root)}: no package {own} under src/"
    arrows: dict[str, set[str]] = {module: set() for module in modules}
    for module, path in modules.items():
        for found in imports_of(module, path):
            here = f"{path.relative_to(root)}:{found.line}"
            if found.top in UNSAFE and module not in UNPICKLING:
                yield f"{here}: imports {found.module}, which runs what a file tells it to; read data by another way"
            if found.top in declared or found.top in sys.stdlib_module_names:
                pass
            elif found.top not in extras:
                yield f"{here}: imports {found.module}, which {project['name']} does not declare"
            elif not (found.deferred or found.typing_only):
                yield f"{here}: imports {found.module}, an extra, at the top; import it in the function that needs it"
            leads_to = target(found, modules)
            if leads_to is not None and not found.typing_only and leads_to != module:
                arrows[module].add(leads_to)
    if (cycle := find_cycle(arrows)) is not None:
        yield f"{folder.relative_to(root)}: modules import each other in a circle: {' -> '.join(cycle)}"


def check(root: Path) -> list[str]:
    """What is wrong with the imports of all packages under `root/packages`."""
    folders = sorted(path.parent for path in (root / "packages").glob("*/pyproject.toml"))
    if not folders:
        return [f"{root}: no packages/*/pyproject.toml here"]
    return [problem for folder in folders for problem in check_package(folder, root)]


def main() -> None:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1]
    problems = check(root)
    print("\n".join(problems) or "imports: every package imports only what it declares, in one direction")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
