"""Print a command of the README: ``python readme_commands.py {job,tests}``.

The README is the one place where the two commands stand; `.ci/run` runs what this prints.
"""

import re
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def readme_commands():
    """Return the main job and the tests, as written in the section "Two commands"."""
    text = README.read_text(encoding="utf-8")
    section = text.split("## Two commands", 1)[1].split("\n## ", 1)[0]
    job, tests = re.findall(r"```sh\n(.+?)\n```", section, re.DOTALL)
    return {"job": job, "tests": tests}


if __name__ == "__main__":
    print(readme_commands()[sys.argv[1]])
