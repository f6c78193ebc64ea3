"""``python -m sparsetransfer``: the version by itself, everything else by the command line."""

import sys

import sparsetransfer


def main() -> None:
    """Print ``--version [--verbose]`` without the optional command line, or run that."""
    arguments = sys.argv[1:]
    if "--version" in arguments and set(arguments) <= {"--version", "--verbose"}:
        if "--verbose" in arguments:
            sparsetransfer.show_config()
        else:
            print(sparsetransfer.__version__)
        return
    from sparsetransfer.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
