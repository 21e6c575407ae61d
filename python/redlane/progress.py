"""Progress bars for computations of more than a second."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Report = Callable[[str, int, int], None]


@contextmanager
def reporting(progress: bool | Report | None) -> Iterator[Report | None]:
    """Turn the argument `progress` into a callback.

    `None` shows a bar on a terminal or in a notebook after one second, `True` shows one anywhere, `False` none. A
    callable is called with (stage, done, total), about every twentieth of a second and once at the end. total is 0 if
    it is not known. An exception of the callable ends the computation.
    """
    if callable(progress):
        yield progress
        return
    if not (_watched() if progress is None else progress):
        yield None
        return
    bar = _Bar()
    try:
        yield bar
    finally:
        bar.close()


def _watched() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class _Bar:
    """A tqdm bar that appears after a second."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._stage = ""
        self._bar: Any = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if not stage or time.monotonic() - self._begin < 1.0:
            return
        if self._bar is None or stage != self._stage:
            with warnings.catch_warnings():
                # Without widgets a notebook shows a bar of text. The warning about it is not needed.
                warnings.simplefilter("ignore")
                from tqdm.auto import tqdm

            self.close()
            self._stage = stage
            scaled = total > 1_000_000
            self._bar = tqdm(
                total=total or None, desc=stage, unit="B" if scaled else "", unit_scale=scaled, leave=False
            )
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
