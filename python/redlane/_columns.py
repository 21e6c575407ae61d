"""Converts columns of numbers from lists, NumPy, pandas, polars and Arrow, and back."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from redlane._arguments import described
from redlane.errors import ArgumentError, WrongTypeError
from redlane.table import Table

NAN = float("nan")


def numbers(name: str, values: Any) -> Any:
    """The argument `name`, any column of numbers, as an Arrow object for the core; None is null.

    Arrow objects are returned unchanged. The numbers of a list or another iterable are converted one by one.
    """
    if is_table(values):
        raise WrongTypeError(f"{name} is {described(values)}; pass one of its columns")
    kind = library(values)
    if kind == "numpy":
        return _of_numpy(name, values)
    if kind == "pandas":
        # Without pyarrow, this is the only conversion of a Series to Arrow.
        return values if _arrow_backed(values) else _of_pandas(name, values)
    if _speaks_arrow(values):
        return values
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise WrongTypeError(f"{name} is {described(values)}; pass a list, an array or a column of numbers")
    try:
        floats = [NAN if value is None else float(value) for value in values]
    except (TypeError, ValueError, OverflowError) as error:
        raise ArgumentError(f"{name}: a list of numbers is expected: {error}") from None
    return _arrow(floats)


def table_of(values: Any) -> Table | None:
    """A table of any library as a `Table`; `None` if `values` is not a table."""
    return values if isinstance(values, Table) else Table(values) if is_table(values) else None


def is_table(values: Any) -> bool:
    """Whether `values` is a table: an Arrow stream of columns with names."""
    named = hasattr(values, "column_names") or hasattr(values, "columns")
    return named and hasattr(values, "__arrow_c_stream__")


def library(values: Any) -> str:
    """The name of the library that a column comes from."""
    return type(values).__module__.partition(".")[0]


def like(given: Any, made: Any) -> Any:
    """The arro3 array `made` in the type of `given`: an array or column of the same library, otherwise a list."""
    kind, name = library(given), type(given).__name__
    if kind == "polars":
        import polars

        return polars.Series(made).alias(given.name)
    if kind == "pandas" and name == "Series":
        return _pandas_series(given, made)
    if kind in ("numpy", "pandas"):
        import numpy as np

        return np.array(made)
    if kind == "pyarrow":
        import pyarrow

        array = pyarrow.array(made)
        return pyarrow.chunked_array([array]) if name == "ChunkedArray" else array
    if not _speaks_arrow(given):
        return made.to_pylist()
    if name == "ChunkedArray":
        import arro3.core

        return arro3.core.ChunkedArray([made])
    return made


def wants_nan(given: Any) -> bool:
    """Whether NaN means null in the column that `like` makes."""
    return library(given) in ("numpy", "pandas")


def _speaks_arrow(values: Any) -> bool:
    return hasattr(values, "__arrow_c_array__") or hasattr(values, "__arrow_c_stream__")


def _arrow(floats: Any) -> Any:
    import arro3.core

    return arro3.core.Array(floats, arro3.core.DataType.float64())


def _of_numpy(name: str, values: Any) -> Any:
    import arro3.core
    import numpy as np

    if np.ma.isMaskedArray(values):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    if np.ndim(values) != 1:
        raise ArgumentError(f"{name} has {np.ndim(values)} dimensions; a column has one")
    if values.dtype == object:
        return numbers(name, values.tolist())
    if values.dtype.kind not in "biuf":
        raise ArgumentError(f"{name} holds values of the type {values.dtype}; numbers are expected")
    return arro3.core.Array.from_numpy(np.ascontiguousarray(values, dtype=np.float64))


def _arrow_backed(series: Any) -> bool:
    return hasattr(series, "__arrow_c_stream__") and type(getattr(series, "dtype", None)).__name__ == "ArrowDtype"


def _of_pandas(name: str, series: Any) -> Any:
    import numpy as np

    try:
        return _of_numpy(name, series.to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(f"{name}: a list of numbers is expected: {error}") from None


def _pandas_series(given: Any, made: Any) -> Any:
    import numpy as np

    pandas = sys.modules["pandas"]
    series = pandas.Series(np.array(made), index=given.index, name=given.name)
    # These types distinguish null from NaN.
    return series.astype(given.dtype) if str(given.dtype) in ("Float64", "double[pyarrow]") else series
