"""Write ``python/sparsetransfer/_core.pyi`` from the compiled module that is installed here."""

import ast
import subprocess
import sys
import tempfile
from pathlib import Path

from sparsetransfer import _core

STUB = Path(__file__).parents[1] / "python/sparsetransfer/_core.pyi"


def generated() -> str:
    """Return the stub of the level that was chosen, under the name that all levels share."""
    name = _core.__name__
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pybind11_stubgen", name, "--output-dir", folder], check=True
        )
        path = Path(folder, *name.split(".")).with_suffix(".pyi")
        return path.read_text(encoding="utf-8").replace(name, "sparsetransfer._core")


def without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    """Drop a leading docstring: what a kernel does is said in its C++ header."""
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] or [ast.Expr(ast.Constant(...))]
    return body


def simplified(body: list[ast.stmt]) -> list[ast.stmt]:
    """Merge overloads that differ in the scalar only: the Python layer passes either on."""
    seen: dict[str, list[ast.stmt]] = {}
    for node in without_docstring(body):
        if isinstance(node, ast.ClassDef):
            node.body = simplified(node.body)
        elif isinstance(node, ast.FunctionDef):
            node.body = without_docstring(node.body)
            node.returns = with_arguments(node.returns)
        name = getattr(node, "name", ast.unparse(node))
        versions = seen.setdefault(name, [])
        if ast.unparse(node) not in map(ast.unparse, versions):
            versions.append(node)
    for versions in seen.values():
        only = versions[0]
        if len(versions) == 1 and isinstance(only, ast.FunctionDef):
            only.decorator_list = [
                mark for mark in only.decorator_list if ast.unparse(mark) != "typing.overload"
            ]
    return [node for versions in seen.values() for node in versions]


def with_arguments(annotation: ast.expr | None) -> ast.expr | None:
    """Say what pybind11's bare containers hold."""
    bare = {
        "dict": "dict[str, str]",
        "tuple": "tuple[typing.Any, ...]",
        "list[tuple]": "list[tuple[typing.Any, ...]]",
    }
    text = "" if annotation is None else ast.unparse(annotation)
    return ast.parse(bare[text], mode="eval").body if text in bare else annotation


def main() -> None:
    """Write the stub and format it."""
    text = generated()
    for scalar in ("numpy.float32", "numpy.float64"):
        text = text.replace(scalar, "typing.Any")
    module = ast.parse(text)
    module.body = [node for node in simplified(module.body) if not is_all(node)]
    header = "# Written by tools/write_stub.py (nox -s stubs).\n"
    STUB.write_text(header + ast.unparse(module) + "\n", encoding="utf-8")
    for command in (["check", "--fix", "--quiet"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, str(STUB)], check=True)


def is_all(node: ast.stmt) -> bool:
    """Tell whether the statement lists the public names, which stubs do not need."""
    return isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "__all__"


if __name__ == "__main__":
    main()
