"""The summary of every public function and method begins with a verb that says what it computes."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Imperatives of the field. Add one that says what a call does, as a reader would search for it.
IMPERATIVES = """
    adapt add adjust aggregate align append apply approximate assert assign average balance bin
    bound build call centre certify chain change check choose classify clip code collect combine
    compare compile compute concatenate continue convert copy correlate count couple create crop
    decode decompose decorate decrease define delete describe detect digest discard divide
    download draw drop encode end ensure enumerate escape estimate evaluate expand explain
    extend extract factorise filter find fine-tune fit flag flatten format freeze gather
    generate group hash hold import increase index initialise insert integrate interpolate
    invert iterate join label learn limit list load locate lock log lower make map mark mask
    match measure merge minimise move multiply name normalise open order pack pad parse perform
    permute pick pool predict prepare print project quantise raise rank read recognise record
    reduce refine register regress remove render repeat replace report request resample rescale
    reset reshape resolve restore restrict resume return reverse rotate round run sample save
    scale scan score search select separate serialise set shift shorten show shrink shuffle
    simulate smooth solve sort split stack standardise start state stop store stream subtract
    sum summarise synthesise test time trace track train transform translate tune unpack update
    use validate verify visit wait warn weigh whiten wrap write yield
"""
VERBS = frozenset(IMPERATIVES.split())
PROPERTIES = ("property", "setter")


def summaries(source):
    """Yield name, line and summary of the public functions and methods of a module."""
    stack = [ast.parse(source)]
    while stack:
        for node in stack.pop().body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if node.name.startswith("_"):
                continue
            if isinstance(node, ast.ClassDef):
                stack.append(node)  # a class, like a property, says what it is
                continue
            decorators = " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
            doc = ast.get_docstring(node)
            if doc and not any(word in decorators for word in PROPERTIES):
                yield node.name, node.lineno, doc.splitlines()[0]


def without_a_verb(source):
    return [
        f"line {line}, {name}: {summary}"
        for name, line, summary in summaries(source)
        if summary.split()[0].rstrip(",:").lower() not in VERBS
    ]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.relative_to(ROOT / "python/sparsetransfer").as_posix())
        for path in sorted((ROOT / "python/sparsetransfer").rglob("*.py"))
    ],
)
def test_summaries_begin_with_an_imperative_verb(path):
    assert not without_a_verb(path.read_text(encoding="utf-8")), (
        "begin with a verb of VERBS in this file, or add a standard one there"
    )


@pytest.mark.parametrize(
    "summary", ["Tell the emotions apart.", "Interval of the UAR.", "Give the name of a file."]
)
def test_another_beginning_is_noticed(summary):
    source = f'class Model:\n    def fit(self):\n        """{summary}"""\n'
    assert without_a_verb(source) == [f"line 2, fit: {summary}"]
    assert not without_a_verb(source.replace("fit", "_fit"))
    assert not without_a_verb(source.replace("    def", "    @property\n    def"))
