"""The base class of all detectors."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from redlane import _core
from redlane._arguments import described, rate
from redlane.detectors.parameters import plain
from redlane.errors import ArgumentError, NotFittedError, WrongTypeError
from redlane.progress import Report, reporting
from redlane.shipments import Shipments, shipments_of
from redlane.table import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self


class Detector:
    """The base class of all detectors: parameters as in scikit-learn, `fit`, `score`, `fit_score`, state, merging.

    Constructor arguments are keyword-only and stored as attributes. Setting one clears the fit. A fitted detector
    can be pickled. `screen` and scoring do not change the detector.

    `score` treats shipments as new; `fit_score` compares the fitted shipments with each other. Both return a
    Table with the reasons. `score_samples`, `decision_function` and `predict` return NumPy arrays
    with the signs of scikit-learn.

    Raises
    ------
    NotFittedError
        A method needs a fit, and the detector is not fitted.
    ArgumentError
        A parameter is unknown or out of range; a state or a merged detector has another type or other parameters.
    WrongTypeError
        The argument is not `Shipments`.
    MissingColumnError
        The shipments lack a role or key.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(5_000).ships
    >>> first, second = ships.where(date=rl.between(None, "2021")), ships.where(date=rl.between("2022", None))
    >>> merged = rl.UnitValue().fit(first).merge(rl.UnitValue().fit(second))
    >>> whole = rl.UnitValue().fit(ships)
    >>> merged.score(ships)["score"].to_pylist() == whole.score(ships)["score"].to_pylist()
    True
    >>> copy = rl.UnitValue.from_state(whole.state())
    >>> copy.get_params()["min_peers"]
    20
    """

    _name: ClassVar[str]
    _kind: ClassVar[type[Detector]]
    _fit: _core.Fit | None = None
    # The parameters of the fit.
    _label: str | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # A class derived from a detector uses that detector of the core.
        if Detector in cls.__bases__:
            cls._name, cls._kind = cls.__name__, cls

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Iterator):
            # An iterator is empty after its first use.
            value = Table(value) if hasattr(value, "__arrow_c_stream__") else list(value)
        object.__setattr__(self, name, value)
        if not name.startswith("_") and self._fit is not None:
            self._fit = None

    def _keep(self, fit: _core.Fit, settings: _core.Detector) -> None:
        """Keep what was fitted, and by which parameters."""
        self._fit, self._label = fit, settings.label

    def _settings(self) -> _core.Detector:
        # A derived class may have other parameters. The core takes only those of the detector.
        given = {name: self._plain(name, getattr(self, name)) for name in self._kind._parameters()}
        return _core.detector(self._name, json.dumps(given))

    @staticmethod
    def _plain(name: str, value: Any) -> Any:
        """A parameter as a JSON value."""
        return plain(name, value)

    @classmethod
    def _parameters(cls) -> list[str]:
        given = inspect.signature(cls.__init__).parameters.values()
        return [one.name for one in given if one.name != "self" and one.kind is not inspect.Parameter.VAR_KEYWORD]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of the constructor, by name. `deep` is not used."""
        return {name: getattr(self, name) for name in self._parameters()}

    def set_params(self, **params: Any) -> Self:
        """Change arguments and clear the fit. An unknown name is an `ArgumentError`."""
        known = self._parameters()
        for name in params:
            if name not in known:
                raise ArgumentError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(known)}")
        for name, value in params.items():
            setattr(self, name, value)
        self._fit = None
        return self

    def fit(self, ships: Shipments, y: Any = None, *, progress: bool | Report | None = None) -> Self:
        """Fit the detector to shipments and return it. `y` is for scikit-learn and is not used."""
        core, settings = shipments_of(ships, "ships")._core, self._settings()
        with reporting(progress) as report:
            self._keep(settings.fit(core, report), settings)
        return self

    def score(self, ships: Shipments, *, progress: bool | Report | None = None) -> Table:
        """Score shipments with the fit. One row for each subject, as the class describes; null if it has no score.

        The shipments are treated as new ones. They need not be those that were fitted.
        """
        return Table._of(self._scores(ships, progress).table(), ships._files)

    def fit_score(self, ships: Shipments, *, progress: bool | Report | None = None) -> Table:
        """Fit and score the same shipments. Returns a table as `score` does."""
        return Table._of(self._fit_scores(ships, progress).table(), ships._files)

    def score_samples(self, ships: Shipments) -> NDArray[np.float64]:
        """The scores with the sign of scikit-learn: lower means more unusual.

        An array with one number for each row of `score`: minus its `score`, NaN for null.

        >>> import redlane as rl
        >>> ships = rl.samples.shipments(2_000).ships
        >>> rl.UnitValue().fit(ships).score_samples(ships).shape
        (2000,)
        """
        import numpy as np

        return -np.asarray(self._scores(ships).values("score"))

    def decision_function(self, ships: Shipments, *, fdr: float = 0.05) -> NDArray[np.float64]:
        """Below zero for findings at a false discovery rate of `fdr`, above zero for other rows.

        One number for each row of `score`: log10 of its p-value divided by the threshold of the procedure of Benjamini
        and Hochberg (1995). NaN if there is no p-value. An `fdr` not between 0 and 1 is an `ArgumentError`.

        >>> import redlane as rl
        >>> ships = rl.samples.shipments(2_000).ships
        >>> detector = rl.UnitValue().fit(ships)
        >>> bool(((detector.decision_function(ships) < 0) == (detector.predict(ships) == -1)).all())
        True
        """
        fdr = rate("fdr", fdr)
        return _decision(self._scores(ships).values("p_value"), fdr)

    def predict(self, ships: Shipments, *, fdr: float = 0.05) -> NDArray[np.int64]:
        """-1 for findings at a false discovery rate of `fdr`, 1 for other rows, as in scikit-learn.

        One number for each row of `score`. A row without a score is not a finding.

        >>> import redlane as rl
        >>> ships = rl.samples.shipments(20_000).ships
        >>> sorted(set(rl.UnitValue().fit(ships).predict(ships).tolist()))
        [-1, 1]
        """
        import numpy as np

        return np.where(self.decision_function(ships, fdr=fdr) < 0, -1, 1)

    def fit_predict(self, ships: Shipments, y: Any = None, *, fdr: float = 0.05) -> NDArray[np.int64]:
        """Fit the shipments, and return -1 for findings among them, 1 for other rows. Uses `fit_score`.

        `predict` treats shipments as new. Detectors that compare a record with the fitted records (`Repeats`,
        `Rarity`) would then compare a fitted record with itself.

        >>> import redlane as rl
        >>> rl.Repeats().fit_predict(rl.samples.shipments(2_000).ships).shape
        (2000,)
        """
        import numpy as np

        fdr = rate("fdr", fdr)
        return np.where(_decision(self._fit_scores(ships).values("p_value"), fdr) < 0, -1, 1)

    def state(self, *, progress: bool | Report | None = None) -> Table:
        """The fit as a table, from which it can be restored and merged with others.

        The column `fitted_by` holds the detector, its parameters and the version of the state.
        """
        fitted = self._fitted()
        with reporting(progress) as report:
            return Table(fitted.state(report))

    def calibration(self) -> Table:
        """What the fit learnt about natural and wrong records, from which p-values follow.

        One row for each level of peer groups and each side of their centres. Only `UnitValue`, `ValueWeight`,
        `Newcomer` and other detectors that learn tails from their own scores have rows; the table of others is empty.
        `redlane.charts.calibration` draws it.

        - `level`: the keys of the peer groups. `side`: `below` or `above` the centre.
        - `groups`: the number of groups that are large enough. `scores`: the number of scores on this side.
        - `story`: ``"one core"``, ``"looser nature"``, ``"errors"`` or ``"looser nature and errors"``. Errors are
          records that stand off from the others, such as a wrong unit. Looser nature is a part of the records that
          varies more, such as goods of several kinds.
        - `errors`: the estimated share of errors among the scores, 0 to 1.
        - `looser_share`, `looser_ratio`: the share of the records that vary more, and how many times more; null without
          looser nature.
        - `a`, `b`, `c`: the coefficients of the tail, z = u exp(a + b u + c u²) with u a standard normal quantile.
        - `dispersion`: 1 if the story explains the counts as well as chance allows, more if it does not.
        - `usual_scale`, `scale_freedom`: the usual scale of the level, and the degrees of freedom that it counts for in
          the moderated scale of a group; null if scales are not moderated.
        - `expected`, `observed`: at some distances from the centre the p-value, and the share of the scores of this
          side that lie as far out. Where all records are natural, both are about equal.

        See docs/methods.md, section "Tails learnt from scores".

        >>> import redlane as rl
        >>> ships = rl.samples.shipments(20_000).ships
        >>> rl.UnitValue().fit(ships).calibration()["side"].to_pylist()[:2]
        ['below', 'above']
        """
        return Table(self._fitted().calibration())

    @classmethod
    def from_state(cls, state: Any, *, progress: bool | Report | None = None, **params: Any) -> Self:
        """A fitted detector from the table that `state` returned.

        The state holds its parameters; passed parameters must be the same. For a state without the column
        `fitted_by`, the passed parameters or their defaults are used.
        """
        try:
            made = cls(**{**cls._fitted_by(state), **params})
        except TypeError as error:
            raise ArgumentError(f"{error}; the state does not say all parameters, pass them") from None
        settings = made._settings()
        with reporting(progress) as report:
            made._keep(settings.restore([state], report), settings)
        return made

    def merge(self, other: Self, *, progress: bool | Report | None = None) -> Self:
        """A new detector, fitted on the data of both. The data must have no records in common.

        The result has the same bits as a fit on all the data at once, for any order of merging.
        """
        if not isinstance(other, Detector):
            raise WrongTypeError(f"other is {described(other)}; pass a fitted {type(self).__name__}")
        settings = self._settings()
        if type(other) is not type(self) or other._settings().label != settings.label:
            both = f"{self!r} and {other!r}"
            raise ArgumentError(f"only detectors of one kind with the same parameters can be merged, not {both}")
        made = type(self)(**self.get_params())
        with reporting(progress) as report:
            made._keep(settings.restore([self.state(), other.state()], report), settings)
        return made

    @classmethod
    def _fitted_by(cls, state: Any) -> dict[str, Any]:
        """The parameters of a state, if it holds them. The core checks the other columns."""
        table = state if isinstance(state, Table) else Table(state)
        if _core.STATE_LABEL not in table or not len(table):
            return {}
        try:
            label = json.loads(table.head(1)[_core.STATE_LABEL].to_pylist()[0])
            known, name = dict(label["parameters"]), label["detector"]
        except (TypeError, ValueError, KeyError):
            return {}
        if name != cls._name:
            raise ArgumentError(f"the state is one of {name}; pass tables that state() of a {cls._name} returned")
        # A parameter equal to its default keeps the form of the default.
        given = inspect.signature(cls.__init__).parameters
        defaults = {name: p.default for name, p in given.items() if p.default is not inspect.Parameter.empty}
        same = {name for name in known if name in defaults and _alike(cls._plain(name, defaults[name]), known[name])}
        return {name: value for name, value in known.items() if name in given and name not in same}

    def __sklearn_is_fitted__(self) -> bool:
        return self._fit is not None

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type="outlier_detector",
            target_tags=TargetTags(required=False),
            input_tags=InputTags(two_d_array=False, string=True, categorical=True, allow_nan=True),
            no_validation=True,
        )

    def _fitted(self) -> _core.Fit:
        name = type(self).__name__
        if self._fit is None:
            raise NotFittedError(f"this {name} is not fitted yet; call fit(ships) or fit_score(ships)")
        if self._settings().label != self._label:
            raise NotFittedError(f"a parameter of this {name} changed after the fit; call fit(ships) again")
        return self._fit

    def _scores(self, ships: Shipments, progress: bool | Report | None = None) -> _core.Scores:
        core, fitted = shipments_of(ships, "ships")._core, self._fitted()
        with reporting(progress) as report:
            return fitted.score(core, report)

    def _fit_scores(self, ships: Shipments, progress: bool | Report | None = None) -> _core.Scores:
        core, settings = shipments_of(ships, "ships")._core, self._settings()
        with reporting(progress) as report:
            fit, scores = settings.fit_score(core, report)
        self._keep(fit, settings)
        return scores

    def _screen(
        self, ships: Shipments, history: Shipments | None, progress: bool | Report | None = None
    ) -> _core.Scores:
        """Scores for a screen. The detector is not changed."""
        if history is None and self._fit is not None:
            return self._scores(ships, progress)
        settings = self._settings()
        with reporting(progress) as report:
            if history is None:
                return settings.fit_score(ships._core, report)[1]
            return settings.fit(history._core, report).score(ships._core, report)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({arguments})"

    def __reduce__(self) -> tuple[Any, ...]:
        state = None if self._fit is None else self.state()
        return _rebuild, (type(self), self.get_params(), state)


def _rebuild(cls: type[Detector], params: dict[str, Any], state: Table | None) -> Detector:
    return cls(**params) if state is None else cls.from_state(state, **params)


def _decision(p_values: Any, fdr: float) -> NDArray[np.float64]:
    """Below zero for findings by the procedure of Benjamini and Hochberg, above zero for others; NaN stays NaN."""
    import numpy as np

    p, q = np.asarray(p_values), np.asarray(_core.fdr(p_values, "bh", True))
    found = q <= fdr
    limit = fdr * max(1, int(found.sum())) / max(1, int((~np.isnan(p)).sum()))
    with np.errstate(divide="ignore"):
        decision = np.log10(p) - np.log10(limit)
    # Logarithms are rounded, so the sign is taken from the q-value.
    tiny = np.finfo(float).tiny
    return np.asarray(np.where(found, np.minimum(decision, -tiny), np.maximum(decision, tiny)))


def _alike(default: Any, known: Any) -> bool:
    """Whether a default and a parameter of a state are the same. A single name equals a list of one name."""
    return bool(default == known or [default] == known)
