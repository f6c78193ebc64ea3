"""The API reference has a page for every public package."""

import pkgutil
import re
from pathlib import Path

import sparsetransfer

INDEX = Path(__file__).parents[2] / "docs/api/index.md"
PROGRAMS = {"cli"}  # described by its own --help


def listed():
    return set(re.findall(r"^   ([A-Za-z]\w*)$", INDEX.read_text(encoding="utf-8"), re.MULTILINE))


def test_every_public_package_is_listed():
    modules = {
        module.name
        for module in pkgutil.iter_modules(sparsetransfer.__path__)
        if not module.name.startswith("_")
    }
    assert modules - PROGRAMS <= listed()


def test_every_name_of_the_package_has_a_page():
    """Names that the package takes from a subpackage are documented there."""
    for name in set(sparsetransfer.__all__) - {"__version__"} - listed():
        home = sparsetransfer._HOMES[name]
        assert home in listed(), name
        assert name in getattr(sparsetransfer, home).__all__
