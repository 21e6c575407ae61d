"""Detectors: what is out of line, how far, and why."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from redlane import _core
from redlane.errors import ArgumentError, NotFittedError
from redlane.progress import reporting
from redlane.shipments import Shipments, names
from redlane.table import Table


class Detector:
    """What all detectors share: parameters as in scikit-learn, `fit`, `score`, `fit_score`, state."""

    @classmethod
    def _parameters(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments, by name."""
        return {name: getattr(self, name) for name in self._parameters()}

    def set_params(self, **params: Any) -> Any:
        """Change arguments; what was fitted is forgotten."""
        known = self._parameters()
        for name in params:
            if name not in known:
                raise ArgumentError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(known)}")
        self.__init__(**{**self.get_params(), **params})  # type: ignore[misc]
        return self

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({arguments})"


class UnitValue(Detector):
    """Is the price per kilogram, or per unit, out of line with its peers?

    For each shipment x = ln(numerator / denominator), and z = (x - median) / scale within the finest peer
    group that has at least `min_peers` members with a price. The scale is 1.4826 MAD (Hampel 1974; Iglewicz
    and Hoaglin 1993), drawn to the parent group's as sqrt((n s² + 10 s_p²) / (n + 10)). Where half the peers
    have one and the same price, the interquartile range or the mean absolute deviation takes its place;
    where all have, the parent's scale does, with a caution.

    Parameters
    ----------
    measure
        `value/net_weight`, `value/quantity` or `net_weight/quantity`; quantities are compared within one unit.
    by
        Keys of the finest peer group, as in `Shipments.aggregate`.
    min_peers
        Fewest members with a price, 3 or more.
    backoff
        Coarser groups, tried in turn. `()` means the `by` groups alone: a row whose group is too small then has
        a null score.
    scale
        `mad`.

    Scores
    ------
    A row a shipment, in source order: `row`, `score` (|z|, 0 or more), `p_value` (two-sided Student-t matched
    to the fitted scores of the same level and size of group), `direction` (`high` or `low`), `observed` and
    `expected` (prices; expected is the peers' median), `peer` (the group used), `n_peers`, `caution`,
    `reason`. A score is null where value or weight is missing, zero or negative (a correction), or peers are
    too few; the reason says which.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(20_000).ships
    >>> scores = rl.UnitValue(by=("hs6",), backoff=(("hs4",),)).fit_score(ships)
    >>> len(scores) == len(ships)
    True
    >>> history, new = ships.where(date=(None, "2022")), ships.where(year="2023")
    >>> detector = rl.UnitValue().fit(history)
    >>> len(detector.score(new)) == len(new)
    True
    """

    def __init__(
        self,
        *,
        measure: str = "value/net_weight",
        by: Sequence[str] = ("hs6", "origin"),
        min_peers: int = 20,
        backoff: Sequence[Sequence[str]] = (("hs6",), ("hs4",)),
        scale: str = "mad",
    ) -> None:
        self.measure = measure
        self.by = by
        self.min_peers = min_peers
        self.backoff = backoff
        self.scale = scale
        self._fit: _core.UnitValueFit | None = None

    def _settings(self) -> _core.UnitValue:
        if self.scale != "mad":
            raise ArgumentError(f'scale={self.scale!r} is not known; use "mad"')
        backoff = [names(keys, "backoff") for keys in self.backoff]
        return _core.UnitValue(self.measure, names(self.by, "by"), int(self.min_peers), backoff)

    def fit(self, ships: Shipments) -> UnitValue:
        """Learn centre and scale of every peer group."""
        with reporting(None) as report:
            self._fit = self._settings().fit(ships._core, report)
        return self

    def score(self, ships: Shipments) -> Table:
        """Score shipments by what was fitted; they need not be those that were fitted."""
        return Table(self._scores(ships).table())

    def fit_score(self, ships: Shipments) -> Table:
        """Fit and score the same shipments."""
        with reporting(None) as report:
            self._fit, scores = self._settings().fit_score(ships._core, report)
        return Table(scores.table())

    def _scores(self, ships: Shipments) -> _core.Scores:
        if self._fit is None:
            raise NotFittedError("this UnitValue is not fitted yet; call fit(ships) or fit_score(ships)")
        with reporting(None) as report:
            return self._fit.score(ships._core, report)

    def _screen(self, ships: Shipments, history: Shipments | None) -> _core.Scores:
        if history is not None:
            self.fit(history)
            return self._scores(ships)
        if self._fit is not None:
            return self._scores(ships)
        with reporting(None) as report:
            self._fit, scores = self._settings().fit_score(ships._core, report)
        return scores

    def state(self) -> Table:
        """What was fitted, a row a group: `level`, the keys, `n`, `centre`, `scale`, `one_price`, `df`, `width`.

        Centre and scale are of the log price. `one_price` marks groups whose scale is their parent's; `df` and
        `width` describe the Student-t of their p-values.
        """
        if self._fit is None:
            raise NotFittedError("this UnitValue is not fitted yet; call fit(ships) first")
        return Table(self._fit.state())

    @classmethod
    def from_state(cls, state: Any, **params: Any) -> UnitValue:
        """A fitted detector from the table that `state` returned, with the same parameters."""
        made = cls(**params)
        made._fit = made._settings().restore(state)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        state = None if self._fit is None else self.state()
        return _rebuild, (type(self), self.get_params(), state)


def _rebuild(cls: type[UnitValue], params: dict[str, Any], state: Table | None) -> UnitValue:
    return cls(**params) if state is None else cls.from_state(state, **params)
