"""Paths for the core and for `open`."""

from __future__ import annotations

import os
from typing import Any, TypeGuard

Path = str | bytes | os.PathLike[Any]


def is_path(value: object) -> TypeGuard[Path]:
    """Whether `value` names a file: a text, bytes or an object such as `pathlib.Path`."""
    return isinstance(value, (str, bytes, os.PathLike))


def local(path: Path) -> str:
    """The path as a text, with a leading `~` as the home folder.

    Bytes that are not UTF-8 are kept as `os.fsdecode` keeps them.

    >>> import os, redlane.paths
    >>> redlane.paths.local("~/a.csv") == os.path.expanduser("~") + "/a.csv"
    True
    """
    return os.path.expanduser(os.fsdecode(path))
