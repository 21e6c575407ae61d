"""A scikit-learn transformer; needs scikit-learn and pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError as NotFittedThere
from sklearn.utils import InputTags, Tags, TransformerTags

from redlane.errors import NotFittedError as NotFittedHere
from redlane.learning import features
from redlane.reading import read
from redlane.shipments import Shipments


class NotFittedError(NotFittedHere, NotFittedThere):  # type: ignore[misc]
    """A transformer was asked before it was fitted; scikit-learn's error of that name, too."""


class ShipmentFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """`redlane.features` in a `Pipeline`.

    `fit` keeps the training records as the history. `transform` computes features from that history only, so test
    records cannot leak into each other. Every record, of the training or not, is described by records of other folds
    (see `redlane.features`), so a feature means the same for both.

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

    def __sklearn_tags__(self) -> Tags:
        """Tables of records, not matrices; texts and missing cells are welcome; the result is a matrix of floats."""
        tags = super().__sklearn_tags__()
        tags.input_tags = InputTags(two_d_array=False, string=True, categorical=True, allow_nan=True)
        tags.transformer_tags = TransformerTags(preserves_dtype=[])
        tags.no_validation = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "history_")

    def _read(self, data: Any) -> Shipments:
        if isinstance(data, Shipments):
            return data
        return read(data, columns=self.columns, layout=self.layout, progress=False)

    def _keep(self, data: Any) -> Any:
        """Keep the history, and describe its records by those of other folds."""
        history = self._read(data)
        made = features(history, progress=False)
        self.history_ = history
        self.feature_names_in_ = _names(history.columns)
        self.n_features_in_ = len(history.columns)
        self._names = made.column_names
        return made

    def fit(self, X: Any, y: Any = None) -> ShipmentFeatures:  # noqa: N803
        """Keep `X`, a frame or `Shipments`, as the history."""
        self._keep(X)
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        """Describe `X` by the history, as a pandas DataFrame of floats with NaN for null."""
        self._require_fit()
        return self._frame(features(self._read(X), self.history_, progress=False))

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:  # noqa: N803
        """Keep `X` as the history and describe its records by those of other folds."""
        return self._frame(self._keep(X))

    def _require_fit(self) -> None:
        if not hasattr(self, "history_"):
            raise NotFittedError("this ShipmentFeatures is not fitted yet; call fit(X)")

    def _frame(self, table: Any) -> Any:
        return table.to_pandas().reindex(columns=self._names).astype(float)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """The names of the columns that `transform` returns."""
        self._require_fit()
        return _names(self._names)


def _names(names: list[str]) -> Any:
    """Names as scikit-learn keeps them."""
    import numpy as np

    return np.asarray(names, dtype=object)
