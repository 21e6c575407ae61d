"""Detectors: what is out of line, how far, and why."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redlane import _core
from redlane.errors import ArgumentError, NotFittedError
from redlane.progress import reporting
from redlane.shipments import Shipments, names
from redlane.table import Table

if TYPE_CHECKING:
    from typing_extensions import Self


class Detector:
    """What all detectors share: parameters as in scikit-learn, `fit`, `score`, `fit_score`, state, merging.

    Constructor arguments are keyword-only and kept as attributes. A fitted detector pickles.
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
        return Table(self._scores(ships).table())

    def fit_score(self, ships: Shipments) -> Table:
        """Fit and score the same shipments."""
        return Table(self._fit_scores(ships).table())

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


class UnitValue(Detector):
    """Is the price per kilogram, or per unit, out of line with its peers?

    For each shipment x = ln(numerator / denominator), and z = (x - centre) / scale within the finest peer
    group that has at least `min_peers` members with a price. The centre is the median, the scale 1.4826 MAD
    (Hampel 1974; Iglewicz and Hoaglin 1993) or one of the others below. Where half the peers have one and the
    same price, the interquartile range or the mean absolute deviation takes its place; where all have, the
    parent's scale does, with a caution.

    Both are drawn to the parent group's, the next in `backoff`: the scale as sqrt((n s² + 10 s_p²) / (n + 10)),
    the centre by precision, with weight 1 / (1 + n τ² / (π/2 s²)) on the parent's, where τ² is the variance of
    centres about their parents beyond chance (empirical Bayes; Efron and Morris 1975). Large groups, and
    levels whose groups differ much, hardly move.

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
        ``"mad"``; ``"qn"`` or ``"sn"`` (Rousseeuw and Croux 1993), more efficient and without a centre; or
        ``"adjusted"``, one scale above the centre and one below, from the fences of the adjusted boxplot with
        the medcouple (Hubert and Vandervieren 2008), for skewed prices.

    Scores
    ------
    A row a shipment, in source order: `row`, `score` (|z|, 0 or more), `p_value` (two-sided Student-t matched
    to the fitted scores of the same level and size of group), `direction` (`high` or `low`), `observed` and
    `expected` (prices; expected is the peers' centre), `peer` (the group used), `n_peers`, `caution`,
    `reason`. A score is null where value or weight is missing, zero or negative (a correction), or peers are
    too few; the reason says which.

    State
    -----
    A row a group of each level: `level`, the keys, `n`, `centre` and `scale` (of the log price; `scale_below`,
    `scale_above` and `medcouple` with ``scale="adjusted"``), `one_price` (the scale is the parent's), `df` and
    `width` (the Student-t of the p-values), `members` (the sorted log prices of the finest groups).

    Raises
    ------
    MissingColumnError
        A role or key that the shipments lack.
    ArgumentError
        An unknown measure or scale, fewer than 3 `min_peers`.

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

    def _settings(self) -> _core.Detector:
        backoff = [names(keys, "backoff") for keys in self.backoff]
        return _core.unit_value(self.measure, names(self.by, "by"), int(self.min_peers), backoff, self.scale)
