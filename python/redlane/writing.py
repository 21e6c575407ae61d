"""Writing files completely or not at all: a temporary file beside the target replaces it at the end."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from redlane.errors import ArgumentError, WriteError
from redlane.paths import local

STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
STDERR = ("/dev/stderr", "/dev/fd/2", "/proc/self/fd/2")


def place(path: Any) -> str:
    """The path as a text for the file system."""
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f"a path is a text or a pathlib.Path, not {type(path).__name__}")
    text = local(path)
    if not text or "\0" in text:
        raise ArgumentError(f"path={text!r} names no file")
    return text


def write(path: Any, fill: Callable[[str], Any], sources: Iterable[Any] = ()) -> str:
    """Write a file and return its path.

    `fill` is called with the path of a temporary file in the same folder and writes to it. This file then replaces the
    target; permissions and symbolic links stay. Pipes, devices and ``"-"`` (standard output) get the bytes directly.

    Raises
    ------
    WriteError
        The disk is full, the folder does not exist or cannot be written to, or the target is one of `sources`, the
        files that the data were read from. The previous file is unchanged.
    """
    target = place(path)
    try:
        out = _special(target)
        if out is not None:
            _pour(out, fill)
        else:
            refuse(target, sources)
            _replace(os.path.realpath(target), fill)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise WriteError(f"{target}: {_why(error, target)}") from error
    return target


def write_text(path: Any, text: str, sources: Iterable[Any] = ()) -> str:
    """Write a text as UTF-8; see `write`."""
    return write(path, lambda name: Path(name).write_text(text, encoding="utf-8", newline=""), sources)


def refuse(path: str, sources: Iterable[Any]) -> None:
    """Raise an error if the path is one of the files that the data were read from."""
    for source in sources:
        same = os.path.realpath(path) == os.path.realpath(source)
        with contextlib.suppress(OSError):
            same = same or os.path.samefile(path, source)
        if same:
            raise WriteError(
                f"{path}: the data were read from this file, and may have to be read from it again; write to another "
                "name"
            )


def _why(error: OSError, target: str) -> str:
    if isinstance(error, WriteError):
        return str(error).removeprefix(f"{target}: ")
    folder = os.path.dirname(os.path.realpath(target))
    if error.errno in (errno.ENOENT, errno.ENOTDIR) and not os.path.isdir(folder):
        return f"there is no folder {folder}; make it first, such as with os.makedirs({folder!r})"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"cannot be written: no new file can be made in {folder} ({error.strerror}); choose another folder"
    return f"cannot be written: {error.strerror or error}"


def _special(target: str) -> IO[bytes] | None:
    """The stream to write to, if the target is not a regular file."""
    for names, stream in ((STDOUT, sys.stdout), (STDERR, sys.stderr)):
        if target in names:
            if stream is None:
                raise WriteError(f"{target}: there is no such stream here; name a file")
            stream.flush()
            return cast("IO[bytes]", getattr(stream, "buffer", None) or _Text(stream))
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise WriteError(f"{target}: is a folder; name a file in it")
    if stat.S_ISREG(mode) and not os.path.abspath(target).startswith(("/dev/fd/", "/proc/")):
        return None
    return open(target, "wb")


class _Text(io.RawIOBase):
    """Bytes written to a stream of text, such as that of a notebook."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.write(bytes(data).decode("utf-8", "replace"))
        return len(data)


def _pour(out: IO[bytes], fill: Callable[[str], Any]) -> None:
    """Write into a stream through a temporary file, because `fill` needs a path and may seek."""
    own = out not in (getattr(sys.stdout, "buffer", None), getattr(sys.stderr, "buffer", None))
    try:
        with tempfile.TemporaryDirectory(prefix="redlane-") as folder:
            name = os.path.join(folder, "out")
            fill(name)
            with open(name, "rb") as file:
                shutil.copyfileobj(file, out, 1 << 20)
        out.flush()
    finally:
        if own:
            out.close()


def _replace(target: str, fill: Callable[[str], Any]) -> None:
    with _temporary(target) as name:
        fill(name)
        with contextlib.suppress(FileNotFoundError):
            before = os.stat(target)
            os.chmod(name, stat.S_IMODE(before.st_mode))
            # Without the right to change the owner, the file keeps the current user.
            with contextlib.suppress(OSError, AttributeError):
                os.chown(name, before.st_uid, before.st_gid)
                os.chmod(name, stat.S_IMODE(before.st_mode))
        with open(name, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(name, target)
    # Flush the folder, which holds the new name. Not every system allows this.
    with contextlib.suppress(OSError):
        folder = os.open(os.path.dirname(target), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextlib.contextmanager
def _temporary(target: str) -> Iterator[str]:
    """An empty file beside the target, with the permissions of new files; deleted at the end."""
    folder, name = os.path.split(target)
    while True:
        path = os.path.join(folder, f".{name[:60]}.{secrets.token_hex(6)}.part")
        with contextlib.suppress(FileExistsError):
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
                break
            except KeyboardInterrupt:
                with contextlib.suppress(OSError):
                    os.unlink(path)
                raise
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
