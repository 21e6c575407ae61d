"""What all detectors share."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from redlane import _core
from redlane.errors import ArgumentError, NotFittedError
from redlane.progress import reporting
from redlane.shipments import Shipments
from redlane.table import Table

if TYPE_CHECKING:
    from typing_extensions import Self


class Detector:
    """What all detectors share: parameters as in scikit-learn, `fit`, `score`, `fit_score`, state, merging.

    Constructor arguments are keyword-only and kept as attributes. A fitted detector pickles.

    Raises
    ------
    NotFittedError
        `score` and `state` before `fit`.
    ArgumentError
        A parameter that is unknown or out of range, a state of another detector, a merge with other parameters.
    MissingColumnError
        Shipments that lack a role or key.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(5_000).ships
    >>> first, second = ships.where(date=(None, "2021")), ships.where(date=("2022", None))
    >>> merged = rl.UnitValue().fit(first).merge(rl.UnitValue().fit(second))
    >>> whole = rl.UnitValue().fit(ships)
    >>> merged.score(ships)["score"].to_pylist() == whole.score(ships)["score"].to_pylist()
    True
    >>> copy = rl.UnitValue.from_state(whole.state())
    >>> copy.get_params()["min_peers"]
    20
    """

    _fit: _core.Fit | None = None

    def _settings(self) -> _core.Detector:
        raise NotImplementedError

    @classmethod
    def _parameters(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments, by name."""
        return {name: getattr(self, name) for name in self._parameters()}

    def set_params(self, **params: Any) -> Self:
        """Change arguments; what was fitted is forgotten."""
        known = self._parameters()
        for name in params:
            if name not in known:
                raise ArgumentError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(known)}")
        self._fit = None
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def fit(self, ships: Shipments) -> Self:
        """Learn from shipments."""
        with reporting(None) as report:
            self._fit = self._settings().fit(ships._core, report)
        return self

    def score(self, ships: Shipments) -> Table:
        """Score shipments by what was fitted; they need not be those that were fitted."""
        return Table._of(self._scores(ships).table(), ships._files)

    def fit_score(self, ships: Shipments) -> Table:
        """Fit and score the same shipments."""
        return Table._of(self._fit_scores(ships).table(), ships._files)

    def state(self) -> Table:
        """What was fitted, as a table: enough to restore the fit and to merge it with others."""
        return Table(self._fitted().state())

    @classmethod
    def from_state(cls, state: Any, **params: Any) -> Self:
        """A fitted detector from the table that `state` returned, with the same parameters."""
        made = cls(**params)
        made._fit = made._settings().restore([state])
        return made

    def merge(self, other: Self) -> Self:
        """The detector fitted on the data of both; the data must have no records in common.

        The result has the same bits as a fit on all the data at once, in whatever order fits are merged.
        """
        if type(other) is not type(self) or other.get_params() != self.get_params():
            raise ArgumentError(f"only a {type(self).__name__} with the same parameters can be merged into this one")
        made = type(self)(**self.get_params())
        made._fit = made._settings().restore([self.state(), other.state()])
        return made

    def _fitted(self) -> _core.Fit:
        if self._fit is None:
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call fit(ships) or fit_score(ships)")
        return self._fit

    def _scores(self, ships: Shipments) -> _core.Scores:
        fitted = self._fitted()
        with reporting(None) as report:
            return fitted.score(ships._core, report)

    def _fit_scores(self, ships: Shipments) -> _core.Scores:
        with reporting(None) as report:
            self._fit, scores = self._settings().fit_score(ships._core, report)
        return scores

    def _screen(self, ships: Shipments, history: Shipments | None) -> _core.Scores:
        if history is not None:
            self.fit(history)
        return self._scores(ships) if self._fit is not None else self._fit_scores(ships)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({arguments})"

    def __reduce__(self) -> tuple[Any, ...]:
        state = None if self._fit is None else self.state()
        return _rebuild, (type(self), self.get_params(), state)


def _rebuild(cls: type[Detector], params: dict[str, Any], state: Table | None) -> Detector:
    return cls(**params) if state is None else cls.from_state(state, **params)
