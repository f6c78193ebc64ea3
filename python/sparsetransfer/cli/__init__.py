"""The command line: ``sparsetransfer --help``."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line on ``sys.argv``."""
    try:
        import typer as _  # noqa: F401
    except ModuleNotFoundError as error:
        sys.exit(
            f"{error}: the command line needs the extra 'speech': "
            "pip install 'sparsetransfer[speech]'"
        )
    from sparsetransfer.cli.application import application

    application()
