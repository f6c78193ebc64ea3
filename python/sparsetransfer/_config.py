"""What this installation is made of: versions, instruction sets, threads."""

import platform

from sparsetransfer import _cpu, _simd, _threads

__all__ = ["configuration", "show_config"]


def configuration() -> dict[str, str]:
    """Return what `show_config` prints.

    Returns: in the order of `show_config`.
    """
    # Not above: a third of the time of importing the package, for what is seldom asked.
    import importlib.metadata

    # Nor this: the package is only half there while this module is read for types.
    from sparsetransfer import _core

    info = _core.build_info()
    return {
        "sparsetransfer": importlib.metadata.version("sparsetransfer"),
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": platform.platform(),
        "NumPy": importlib.metadata.version("numpy"),
        "SIMD built": ", ".join(_simd.built()),
        "SIMD detected": _cpu.level(),
        "SIMD used": info["simd"],
        "threads": f"{_threads.get_num_threads()} of {_threads.available_processors()} processors",
        "Eigen": info["eigen"],
        "compiler": info["compiler"],
    }


def show_config() -> None:
    """Print versions, instruction set levels (built, detected, used), threads and compiler.

    ``python -m sparsetransfer --version --verbose`` prints the same. Please add it to reports of
    problems.

    Examples
    --------
    >>> import sparsetransfer
    >>> sparsetransfer.show_config()  # doctest: +ELLIPSIS
    sparsetransfer ...
    """
    entries = configuration()
    width = max(map(len, entries))
    for name, value in entries.items():
        print(f"{name:<{width}}  {value}")
