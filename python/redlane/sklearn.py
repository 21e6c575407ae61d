"""A scikit-learn transformer; needs scikit-learn and pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.base import BaseEstimator, TransformerMixin

from redlane.errors import NotFittedError
from redlane.learning import features
from redlane.reading import read
from redlane.shipments import Shipments


class ShipmentFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """`redlane.features` in a `Pipeline`.

    `fit` keeps the training records as the history. `transform` computes features from that history only, so test
    records cannot leak into each other. `fit_transform` compares the training records with each other.

    Parameters
    ----------
    columns, layout
        As in `redlane.read`, for frames. `Shipments` need no reading.

    Examples
    --------
    >>> import redlane as rl
    >>> from redlane.sklearn import ShipmentFeatures
    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> sample = rl.samples.shipments(4_000)
    >>> frame = sample.ships.to_pandas()
    >>> wrong = frame.index.isin(sample.truth["row"].to_pylist())
    >>> model = make_pipeline(ShipmentFeatures(), HistGradientBoostingClassifier(max_iter=10)).fit(frame, wrong)
    >>> model.predict_proba(frame[:10]).shape
    (10, 2)
    """

    def __init__(self, *, columns: Mapping[str, str] | None = None, layout: str = "auto") -> None:
        self.columns = columns
        self.layout = layout

    def _read(self, data: Any) -> Shipments:
        if isinstance(data, Shipments):
            return data
        return read(data, columns=self.columns, layout=self.layout, progress=False)

    def fit(self, X: Any, y: Any = None) -> ShipmentFeatures:  # noqa: N803
        """Keep `X`, a frame or `Shipments`, as the history."""
        self.history_ = self._read(X)
        self._names = features(self.history_, progress=False).column_names
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        """The features of `X` compared with the history, as a pandas DataFrame of floats; NaN for null."""
        if not hasattr(self, "history_"):
            raise NotFittedError("this ShipmentFeatures is not fitted yet; call fit(X)")
        return self._frame(features(self._read(X), self.history_, progress=False))

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:  # noqa: N803
        """Keep `X` as the history and compare its records with each other."""
        self.history_ = self._read(X)
        made = features(self.history_, progress=False)
        self._names = made.column_names
        return self._frame(made)

    def _frame(self, table: Any) -> Any:
        return table.to_pandas().reindex(columns=self._names).astype(float)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """The names of the columns that `transform` returns."""
        import numpy as np

        if not hasattr(self, "_names"):
            raise NotFittedError("this ShipmentFeatures is not fitted yet; call fit(X)")
        return np.asarray(self._names, dtype=object)
