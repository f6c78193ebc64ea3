"""The command line: ``sparsetransfer --help``."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line on ``sys.argv``."""
    try:
        import typer as _  # noqa: F401
    except ModuleNotFoundError as error:
        from sparsetransfer._messages import missing_extra

        sys.exit(f"{error}: {missing_extra('the command line', 'speech')}")
    from sparsetransfer.cli.application import application

    application()
