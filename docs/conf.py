"""Sphinx configuration: ``nox -s docs`` builds the pages into ``docs/_build/html``."""

import importlib.metadata
import os
from typing import Any

import latex2mathml.converter
from docutils.nodes import SkipNode

project = "sparsetransfer"
author = "The sparsetransfer developers"
copyright = author
version = release = importlib.metadata.version("sparsetransfer")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
# References to other projects need the network: `sphinx-build -t online`.
if tags.has("online"):  # type: ignore[name-defined]  # noqa: F821
    extensions.append("sphinx.ext.intersphinx")
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "pandas": ("https://pandas.pydata.org/docs", None),
    "scipy": ("https://docs.scipy.org/doc/scipy", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
}

html_theme = "furo"
html_title = f"sparsetransfer {version}"
html_baseurl = os.environ.get("READTHEDOCS_CANONICAL_URL", "")
html_math_renderer = "mathml"
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]
default_role = "autolink"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # numpydoc's sections state them
# Pages of optional parts are built without what they need.
autodoc_mock_imports = ["distributed", "safetensors", "torch", "zarr"]
autosummary_generate = True
autosummary_ignore_module_all = False  # the public names are those of __all__
autosummary_imported_members = True
numpydoc_show_class_members = False  # the template of classes documents them

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "ignore_pattern": r"CMakeLists|\.cpp",
    "doc_module": ("sparsetransfer",),
    "backreferences_dir": "gallery/backreferences",
    "download_all_examples": False,
    "show_memory": False,
    "remove_config_comments": True,
    "within_subsection_order": "FileNameSortKey",
}


def skip_foreign(
    app: Any, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out what a class inherits from scikit-learn: its documentation stands there."""
    module = getattr(member, "__module__", None) or "sparsetransfer"
    return None if module.split(".")[0] == "sparsetransfer" else True


def write_formula(self: Any, node: Any, display: str) -> None:
    """Write a formula as MathML, which browsers draw without a script and without a network."""
    self.body.append(latex2mathml.converter.convert(node.astext(), display=display))
    raise SkipNode


def write_inline(self: Any, node: Any) -> None:
    """Write a formula within a line."""
    write_formula(self, node, "inline")


def write_block(self: Any, node: Any) -> None:
    """Write a displayed formula."""
    write_formula(self, node, "block")


def setup(app: Any) -> None:
    """Register the hooks above."""
    app.connect("autodoc-skip-member", skip_foreign)
    app.add_html_math_renderer("mathml", (write_inline, None), (write_block, None))
