"""The command line: ``sparsetransfer --help``."""

import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> None:
    """Run the command line on ``sys.argv``."""
    try:
        import typer as _  # noqa: F401
    except ModuleNotFoundError as error:
        from sparsetransfer._messages import missing_extra

        sys.exit(f"{error}: {missing_extra('the command line', 'speech')}")
    try:
        from sparsetransfer.cli.application import application

        application()
    except KeyboardInterrupt:
        _interrupted()
    except SystemExit as end:
        # Typer ends silently where Ctrl-C comes before the work of a command.
        if end.__context__ is not None and isinstance(end.__context__.__cause__, KeyboardInterrupt):
            _interrupted()
        raise


def _interrupted() -> NoReturn:
    print("interrupted", file=sys.stderr)
    sys.exit(130)
