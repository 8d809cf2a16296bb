"""Runs the command line as if nothing but the distributions of a requirements file were installed."""

import importlib.abc
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement


def closure(names):
    """Distributions with all that they require, by canonical name."""
    found, waiting = set(), [Requirement(name) for name in names]
    while waiting:
        wanted = waiting.pop()
        name = wanted.name.lower().replace("_", "-")
        if name in found:
            continue
        found.add(name)
        for line in metadata.requires(name) or ():
            further = Requirement(line)
            if further.marker is None or any(further.marker.evaluate({"extra": each}) for each in ("", *wanted.extras)):
                waiting.append(further)
    return found


class Absent(importlib.abc.MetaPathFinder):
    """Finds no module of a distribution that is not installed, so to speak."""

    def __init__(self, installed):
        owners = metadata.packages_distributions()
        self.names = {
            module
            for module, names in owners.items()
            if not {name.lower().replace("_", "-") for name in names} & {*installed, "leanglot"}
        }

    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {fullname!r} in this image", name=fullname)


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    sys.meta_path.insert(0, Absent(closure([line for line in lines if line and not line.startswith("#")])))
    from leanglot.cli import main

    main(sys.argv[2:])
