"""The committed stub of the compiled core names what the core holds."""

import ast
from pathlib import Path

import sparsetransfer
from sparsetransfer import _core

STUB = Path(sparsetransfer.__file__).with_name("_core.pyi")


def stub_names():
    module = ast.parse(STUB.read_text(encoding="utf-8"))
    names = {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return names | {
        node.target.id
        for node in module.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def test_the_stub_names_what_the_core_holds():
    held = {name for name in vars(_core) if not name.startswith("_")}
    assert stub_names() == held, "run nox -s stubs"
