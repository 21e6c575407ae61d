"""What all detectors share."""

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
    """What all detectors share: parameters as in scikit-learn, `fit`, `score`, `fit_score`, state, merging.

    Constructor arguments are keyword-only and kept as attributes. Setting one clears the fit. A fitted detector
    pickles. `screen`, `history=` and scoring never change a detector that is passed in.

    `score` takes shipments as new ones; `fit_score` compares the fitted shipments with each other. `score` returns a
    Table with the reasons. `score_samples`, `decision_function` and `predict` return NumPy arrays
    with the signs of scikit-learn.

    Raises
    ------
    NotFittedError
        `score` and `state` before `fit`.
    ArgumentError
        A parameter that is unknown or out of range, a state of another detector or of other parameters, a merge with
        other parameters.
    MissingColumnError
        Shipments that lack a role or key.

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
        # A class that somebody derives from a detector is that detector.
        if Detector in cls.__bases__:
            cls._name, cls._kind = cls.__name__, cls

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Iterator):
            # It would be empty when it is needed again.
            value = Table(value) if hasattr(value, "__arrow_c_stream__") else list(value)
        object.__setattr__(self, name, value)
        if not name.startswith("_") and self._fit is not None:
            self._fit = None

    def _keep(self, fit: _core.Fit, settings: _core.Detector) -> None:
        """Keep what was fitted, and by which parameters."""
        self._fit, self._label = fit, settings.label

    def _settings(self) -> _core.Detector:
        # A derived class may have other parameters; the core takes those of the detector.
        given = {name: self._plain(name, getattr(self, name)) for name in self._kind._parameters()}
        return _core.detector(self._name, json.dumps(given))

    @staticmethod
    def _plain(name: str, value: Any) -> Any:
        """A parameter as JSON holds it."""
        return plain(name, value)

    @classmethod
    def _parameters(cls) -> list[str]:
        given = inspect.signature(cls.__init__).parameters.values()
        return [one.name for one in given if one.name != "self" and one.kind is not inspect.Parameter.VAR_KEYWORD]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments, by name."""
        return {name: getattr(self, name) for name in self._parameters()}

    def set_params(self, **params: Any) -> Self:
        """Change arguments; what was fitted is forgotten."""
        known = self._parameters()
        for name in params:
            if name not in known:
                raise ArgumentError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(known)}")
        for name, value in params.items():
            setattr(self, name, value)
        self._fit = None
        return self

    def fit(self, ships: Shipments, y: Any = None, *, progress: bool | Report | None = None) -> Self:
        """Learn from shipments; `y` is there for scikit-learn and not looked at."""
        core, settings = shipments_of(ships, "ships")._core, self._settings()
        with reporting(progress) as report:
            self._keep(settings.fit(core, report), settings)
        return self

    def score(self, ships: Shipments, *, progress: bool | Report | None = None) -> Table:
        """Score shipments by what was fitted; they need not be those that were fitted."""
        return Table._of(self._scores(ships, progress).table(), ships._files)

    def fit_score(self, ships: Shipments, *, progress: bool | Report | None = None) -> Table:
        """Fit and score the same shipments."""
        return Table._of(self._fit_scores(ships, progress).table(), ships._files)

    def score_samples(self, ships: Shipments) -> NDArray[np.float64]:
        """The scores as scikit-learn gives them: the lower, the stranger.

        One number a row of `score`: its `score` with the sign turned, NaN where there is none.

        >>> import redlane as rl
        >>> ships = rl.samples.shipments(2_000).ships
        >>> rl.UnitValue().fit(ships).score_samples(ships).shape
        (2000,)
        """
        import numpy as np

        return -np.asarray(self._scores(ships).values("score"))

    def decision_function(self, ships: Shipments, *, fdr: float = 0.05) -> NDArray[np.float64]:
        """Below zero for what is found at a false discovery rate of `fdr`, above zero for the rest.

        The common logarithm of a row's p-value over the largest one that the procedure of Benjamini and Hochberg (1995)
        would still accept with as many findings; NaN where there is no p-value.

        >>> import redlane as rl
        >>> ships = rl.samples.shipments(2_000).ships
        >>> detector = rl.UnitValue().fit(ships)
        >>> bool(((detector.decision_function(ships) < 0) == (detector.predict(ships) == -1)).all())
        True
        """
        fdr = rate("fdr", fdr)
        return _decision(self._scores(ships).values("p_value"), fdr)

    def predict(self, ships: Shipments, *, fdr: float = 0.05) -> NDArray[np.int64]:
        """-1 for what is found at a false discovery rate of `fdr`, 1 for the rest, as in scikit-learn.

        What has no score is not found.
        """
        import numpy as np

        return np.where(self.decision_function(ships, fdr=fdr) < 0, -1, 1)

    def fit_predict(self, ships: Shipments, y: Any = None, *, fdr: float = 0.05) -> NDArray[np.int64]:
        """Fit, and -1 for what is found among the same shipments, 1 for the rest: `predict` from `fit_score`.

        `predict` takes shipments as new ones. For detectors that compare a record with the fitted ones (`Repeats`,
        `Rarity`) a fitted record would then meet itself.
        """
        import numpy as np

        fdr = rate("fdr", fdr)
        return np.where(_decision(self._fit_scores(ships).values("p_value"), fdr) < 0, -1, 1)

    def state(self, *, progress: bool | Report | None = None) -> Table:
        """What was fitted, as a table: enough to restore the fit and to merge it with others.

        The column `fitted_by` says the detector, its parameters and the version of the state.
        """
        fitted = self._fitted()
        with reporting(progress) as report:
            return Table(fitted.state(report))

    @classmethod
    def from_state(cls, state: Any, *, progress: bool | Report | None = None, **params: Any) -> Self:
        """A fitted detector from the table that `state` returned.

        The state knows its parameters; those that are passed must be the same. A state that has lost its column
        `fitted_by` takes the parameters that are passed, or their defaults.
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
        """The detector fitted on the data of both; the data must have no records in common.

        The result has the same bits as a fit on all the data at once, in whatever order fits are merged.
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
        """The parameters that a state was fitted with, where it says so; the core says what is wrong with the rest."""
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
        # A parameter that is the default one stays as the class writes it.
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
        """Scores for a screen; the detector stays as it is."""
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
    """Below zero for the p-values that the procedure of Benjamini and Hochberg accepts; NaN stays NaN."""
    import numpy as np

    p, q = np.asarray(p_values), np.asarray(_core.fdr(p_values, "bh", True))
    found = q <= fdr
    limit = fdr * max(1, int(found.sum())) / max(1, int((~np.isnan(p)).sum()))
    with np.errstate(divide="ignore"):
        decision = np.log10(p) - np.log10(limit)
    # Logarithms round: the q-value itself decides on which side of zero it is.
    tiny = np.finfo(float).tiny
    return np.asarray(np.where(found, np.minimum(decision, -tiny), np.maximum(decision, tiny)))


def _alike(default: Any, known: Any) -> bool:
    """Whether a default and a parameter of a state are the same: a name alone is a list of one name."""
    return bool(default == known or [default] == known)
