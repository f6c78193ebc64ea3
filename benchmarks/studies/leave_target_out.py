"""What the choices behind the safeguard bring on corpora that had no part in them.

``python leave_target_out.py twelve_pairs.toml CACHE STORE`` evaluates many settings of the averaged views on a study of
ordered pairs, and then, for every corpus in turn, takes the setting that is best on pairs without it as target (or
without it at all) and reads that setting's recall off the pairs with it as target. Finished cells are kept in STORE.
"""

import sys
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

import numpy as np
from rich.progress import Progress

from sparsetransfer.evaluation import make_methods, prepare, read_config, run
from sparsetransfer.evaluation.methods.multi_view import MultiViewMethod, SafeguardedMultiViewMethod
from sparsetransfer.evaluation.study.store import CellStore

PENALTIES = (2.0, 20.0, 200.0)
ROUNDS = (1, 3, 10)
THRESHOLDS = (0.0, 1.645, 2.326)
DEFAULT = (20.0, 3, "both", 1.645)


def methods():
    """Return the tuned SVM, and per penalty the views without, with and with guarded adaptation."""
    yield from make_methods(["svm"])
    for alpha in PENALTIES:
        yield MultiViewMethod(f"calm-{alpha:g}", "", alpha=alpha)
        for rounds in ROUNDS:
            name = f"{alpha:g}-{rounds}"
            yield MultiViewMethod(f"bold-{name}", "", alpha=alpha, rounds=rounds)
            yield SafeguardedMultiViewMethod(
                f"guarded-{name}", "", alpha=alpha, rounds=rounds, n_resamples=0
            )


def settings():
    """Return (alpha, rounds, question, threshold) of every way to decide."""
    for alpha in PENALTIES:
        yield alpha, 0, "never", 0.0
        for rounds in ROUNDS:
            yield alpha, rounds, "always", 0.0
            for question, threshold in product(("agreement", "both"), THRESHOLDS):
                yield alpha, rounds, question, threshold


def recall(cells, setting):
    """Return the recall under a setting, from the cells of one task, and whether it adapted."""
    alpha, rounds, question, threshold = setting
    calm = cells[f"calm-{alpha:g}"].scores.uar
    if question == "never":
        return calm, False
    bold = cells[f"bold-{alpha:g}-{rounds}"].scores.uar
    found = cells[f"guarded-{alpha:g}-{rounds}"].diagnostics["safeguard"]
    agreement, tie = found["agreement"], found["group_tie"]
    adapts = question == "always" or (agreement is not None and agreement["z"] > threshold)
    if question == "both" and tie is not None and tie["z"] > threshold:
        adapts = False
    return (bold if adapts else calm), adapts


def table(file, cache, store):
    """Return {(views, setting): {task: (recall, adapted)}}, the SVM's {task: recall}, the tasks."""
    config = read_config(file)
    every = config.feature_sets
    sets = [views for n in range(1, len(every) + 1) for views in combinations(every, n)]
    found, tasks = {}, ()
    with Progress() as progress:
        for views in sets:
            bar = progress.add_task(" + ".join(views))
            domains, protocol = prepare(replace(config, feature_sets=views), cache=cache)
            study = run(
                domains,
                tuple(methods()),
                protocol,
                store=CellStore(store),
                progress=lambda done, total, text, bar=bar: progress.update(
                    bar, completed=done, total=total
                ),
            )
            tasks = study.tasks
            of = {t.name: {c.method: c for c in study.cells if c.task == t.name} for t in tasks}
            for setting in settings():
                if len(views) > 1 or setting[2] in ("never", "always"):
                    found[views, setting] = {name: recall(of[name], setting) for name in of}
            if views[0] == every[0]:
                svm = {name: of[name]["svm"].scores.uar for name in of}
    return found, svm, tasks, every


def report(title, found, svm, tasks, default):
    """Choose without each target, and print what comes out."""
    targets = sorted({task.target for task in tasks})
    ways = {
        "pairs with other targets": lambda task, left: task.target != left,
        "pairs of the other corpora": lambda task, left: left not in (task.target, *task.sources),
    }
    print(f"\n{title}: {len(found)} settings\n")
    for way, belongs in ways.items():
        outcome = {}
        for left in targets:
            known = [task.name for task in tasks if belongs(task, left)]
            scores = {key: np.mean([found[key][name][0] for name in known]) for key in found}
            best = max(scores, key=scores.get)
            here = [task.name for task in tasks if task.target == left]
            outcome |= {name: found[best][name] for name in here}
            print(f"- {left}, chosen on {way}: {best}, {100 * scores[best]:.1f} there, ", end="")
            print(f"{100 * np.mean([found[best][name][0] for name in here]):.1f} here")
        show(f"chosen on {way}", outcome, svm, found[default])
    show("as in the package", found[default], svm, found[default])
    top = max(found, key=lambda key: np.mean([value for value, _ in found[key].values()]))
    show(f"best in hindsight, {top}", found[top], svm, found[default])


def show(what, outcome, svm, default):
    """Print a mean beside the SVM and the default."""
    names = list(outcome)
    values = np.array([outcome[name][0] for name in names])
    against = 100 * (values - np.array([svm[name] for name in names]))
    beside = 100 * (values - np.array([default[name][0] for name in names]))
    adapted = sum(outcome[name][1] for name in names)
    print(
        f"{what}: {100 * values.mean():.1f} ({adapted} adapted); against the SVM {against.mean():+.1f}, "
        f"{(against > 0).sum()}-{(against < 0).sum()}, worst {against.min():+.1f}; "
        f"against the package {beside.mean():+.1f}, worst {beside.min():+.1f}"
    )


def main():
    file, cache, store = map(Path, sys.argv[1:])
    found, svm, tasks, every = table(file, cache, store)
    default = (every, DEFAULT)
    guard = {key: v for key, v in found.items() if key[0] == every and key[1][0] == DEFAULT[0]}
    report("The safeguard alone", guard, svm, tasks, default)
    calm = {key: v for key, v in found.items() if key[1][2] == "never"}
    report(
        "Views and penalty, without adaptation", calm, svm, tasks, (every, (20.0, 0, "never", 0.0))
    )
    report("Everything", found, svm, tasks, default)


if __name__ == "__main__":
    main()
