"""The command line: ``sparsetransfer --help``."""

import sys

from sparsetransfer._interrupts import ignore_signals, interruption, leave

__all__ = ["main"]


def main() -> None:
    """Run the command line on ``sys.argv``."""
    try:
        _run()
    except (Exception, KeyboardInterrupt, SystemExit) as end:
        # Typer ends silently where Ctrl-C comes before the work of a command, and what is being
        # imported may answer with an error of its own.
        if cause := interruption(end):
            leave(cause)
        if isinstance(end, OSError):
            # The work of commands tells its errors itself; this is the printing of a help page.
            from sparsetransfer.cli.errors import USER_ERROR, one_line

            print(f"error: {one_line(end)}", file=sys.stderr)
            sys.exit(USER_ERROR)
        raise
    finally:
        # Python would die of the signal itself, after all, if an extension module was being
        # imported when it came; running a text resets what it remembers of that.
        exec("")  # noqa: S102
        ignore_signals()


def _run() -> None:
    try:
        import typer as _  # noqa: F401
    except ModuleNotFoundError as error:
        from sparsetransfer._messages import missing_extra

        sys.exit(f"{error}: {missing_extra('the command line', 'speech')}")
    from sparsetransfer.cli.application import application

    application()
