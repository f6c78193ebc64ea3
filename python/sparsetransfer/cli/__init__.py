"""The command line: ``sparsetransfer --help``."""

import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> None:
    """Run the command line on ``sys.argv``."""
    try:
        _run()
    except (Exception, KeyboardInterrupt, SystemExit) as end:
        # Typer ends silently where Ctrl-C comes before the work of a command, and what is being
        # imported may answer with an error of its own.
        if _is_interrupted(end):
            _fail("interrupted", 130)
        if isinstance(end, OSError):
            # The work of commands tells its errors itself; this is the printing of a help page.
            from sparsetransfer.cli.errors import USER_ERROR, one_line

            _fail(f"error: {one_line(end)}", USER_ERROR)
        raise


def _run() -> None:
    try:
        import typer as _  # noqa: F401
    except ModuleNotFoundError as error:
        from sparsetransfer._messages import missing_extra

        sys.exit(f"{error}: {missing_extra('the command line', 'speech')}")
    from sparsetransfer.cli.application import application

    application()


def _is_interrupted(end: BaseException | None) -> bool:
    # Commands raise `from None` once they have told what happened.
    while end is not None and not isinstance(end, KeyboardInterrupt):
        end = end.__cause__ or (None if end.__suppress_context__ else end.__context__)
    return end is not None


def _fail(line: str, status: int) -> NoReturn:
    print(line, file=sys.stderr)
    sys.exit(status)
