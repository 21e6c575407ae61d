"""The list of detectors, their parameters, and the labels of their states."""

import inspect
import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import redlane as rl
from redlane import _core
from redlane.errors import ArgumentError, NotFittedError

ARGUMENTS = {"Diversion": {"target": "RU", "event": "2022-03-01"}}


def made(cls, **params):
    return cls(**{**ARGUMENTS.get(cls.__name__, {}), **params})


@pytest.fixture(scope="module")
def ships():
    return rl.samples.shipments(6_000, seed=2).ships


def bits(table):
    return table.to_polars().with_columns(pl.col(pl.Float64).reinterpret(signed=False))


def test_exports_follow_the_list():
    names = _core.detector_names()
    assert [cls.__name__ for cls in rl.detectors.ALL] == names
    assert sorted(rl.detectors.__all__) == sorted(names)
    for name in names:
        assert getattr(rl, name) is getattr(rl.detectors, name)
        assert name in rl.__all__


@pytest.mark.parametrize("cls", rl.detectors.ALL, ids=lambda cls: cls.__name__)
def test_the_class_and_the_core_have_the_same_parameters(cls):
    assert made(cls)._settings().label.startswith('{"detector":"' + cls.__name__)
    names = set(inspect.signature(cls.__init__).parameters) - {"self"}
    assert set(json.loads(made(cls)._settings().label)["parameters"]) == names


@pytest.mark.parametrize("cls", rl.detectors.ALL, ids=lambda cls: cls.__name__)
def test_every_class_is_documented(cls):
    text = inspect.getdoc(cls)
    for section in ("Parameters", "Examples"):
        assert section in text, f"{cls.__name__} has no section {section}"


@pytest.mark.parametrize("cls", rl.detectors.ALL, ids=lambda cls: cls.__name__)
def test_every_class_has_its_row_and_its_section(cls):
    root = Path(__file__).parent.parent
    rows = [line for line in (root / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert any(f"`{cls.__name__}`" in row for row in rows)
    methods = (root / "docs" / "methods.md").read_text(encoding="utf-8")
    assert any(line.startswith("#") and cls.__name__ in line for line in methods.splitlines())


def test_an_unknown_detector_or_parameter_is_named():
    with pytest.raises(ArgumentError, match="UnitValue"):
        _core.detector("UnitValu", "{}")
    with pytest.raises(ArgumentError, match="no parameter"):
        _core.detector("Ecod", '{"columns": ["value"], "trees": 5}')
    with pytest.raises(ArgumentError, match="missing"):
        _core.detector("Ecod", "{}")
    with pytest.raises(ArgumentError, match="JSON"):
        _core.detector("Ecod", "{columns")


def test_parameters_are_normalised():
    ways = [("hs6",), ["hs6"], "hs6", np.array(["hs6"]), pd.Index(["hs6"]), pl.Series(["hs6"])]
    labels = {rl.UnitValue(by=by, backoff=[["hs4"]])._settings().label for by in ways}
    assert len(labels) == 1
    assert rl.UnitValue(min_peers=np.int64(20))._settings().label == rl.UnitValue(min_peers=20.0)._settings().label
    short = rl.Repeats(tolerance=np.float32(0.01))
    assert short._settings().label == rl.Repeats(tolerance=0.01)._settings().label
    year = rl.Divergence(current=2023, base=("2022-01-01", "2022-12-31"))
    assert year._settings().label == rl.Divergence(current="2023", base="2022")._settings().label
    assert rl.Surge(every="month")._settings().label != rl.Surge(every="year")._settings().label


def test_fits_with_parameters_written_otherwise_merge(ships):
    first, second = ships.rows(range(3_000)), ships.rows(range(3_000, 6_000))
    a, b = rl.UnitValue(by="hs4", backoff=()).fit(first), rl.UnitValue(by=["hs4"], backoff=[]).fit(second)
    assert len(a.merge(b).score(ships)) == len(ships)


def test_founded_frames_compare(ships):
    frame = pd.DataFrame({"name": ["A", "B"], "date": pd.to_datetime(["2022-12-01", "2020-01-01"])})
    ways = [frame, pl.from_pandas(frame), {"B": "2020-01-01", "A": "2022-12-01"}, [("A", "2022-12-01"), ("B", "2020")]]
    labels = {rl.Newcomer(founded=founded)._settings().label for founded in ways}
    assert len(labels) == 1
    first, second = ships.rows(range(3_000)), ships.rows(range(3_000, 6_000))
    merged = rl.Newcomer(founded=frame).fit(first).merge(rl.Newcomer(founded=frame.copy()).fit(second))
    assert len(merged.score(ships)) > 0
    with pytest.raises(ArgumentError, match="founded"):
        rl.Newcomer(founded=["A", "B"]).fit(ships)


@pytest.mark.parametrize("cls", rl.detectors.ALL, ids=lambda cls: cls.__name__)
def test_a_state_knows_its_parameters(cls, ships):
    detector = made(cls).fit(ships)
    state = detector.state()
    assert state.column_names[-1] == "fitted_by"
    # pandas and polars keep the column.
    for given in (state, state.to_polars(), state.to_arrow()):
        again = cls.from_state(given)
        assert again._settings().label == detector._settings().label
        assert bits(again.score(ships)).equals(bits(detector.score(ships)))
    assert bits(pickle.loads(pickle.dumps(detector)).score(ships)).equals(bits(detector.score(ships)))


def test_a_state_of_other_parameters_is_refused(ships):
    state = rl.UnitValue(min_peers=30).fit(ships).state()
    assert rl.UnitValue.from_state(state).min_peers == 30
    with pytest.raises(ArgumentError, match="min_peers=30, not 20"):
        rl.UnitValue.from_state(state, min_peers=20)
    with pytest.raises(ArgumentError, match="state is one of UnitValue"):
        rl.Rarity.from_state(
            state.to_polars().with_columns(fitted_by=pl.lit(state["fitted_by"].to_pylist()[0])),
            of="origin",
            given="hs6",
        )
    other = state.to_polars().with_columns(pl.col("fitted_by").str.replace('"version":1', '"version":99'))
    with pytest.raises(ArgumentError, match="version 99"):
        rl.UnitValue.from_state(other)


def test_a_part_of_a_state_is_refused(ships):
    state = rl.UnitValue(min_peers=30).fit(ships).state().to_polars()
    for part in (state[:10], state[::2], pl.concat([state, state])):
        with pytest.raises(ArgumentError, match="pass each state whole"):
            rl.UnitValue.from_state(part)
    # The order of rows does not matter.
    rl.UnitValue.from_state(state[::-1])


def test_fit_predict_compares_the_fitted_shipments_with_each_other(ships):
    detector = rl.Repeats()
    found = detector.fit_predict(ships)
    q = rl.fdr(detector.fit_score(ships)["p_value"].to_pylist())
    np.testing.assert_array_equal(found == -1, [value is not None and value <= 0.05 for value in q])


def test_a_screen_takes_one_detector_and_says_what_else_to_pass(ships):
    one = rl.screen(ships, rl.UnitValue())
    assert bits(one.table).equals(bits(rl.screen(ships, [rl.UnitValue()]).table))
    for wrong in ("UnitValue", [rl.UnitValue], ["UnitValue"], 5):
        with pytest.raises(rl.errors.WrongTypeError, match=r"rl\.UnitValue\(\)"):
            rl.screen(ships, wrong)


def test_a_state_without_one_of_its_columns_is_refused(ships):
    state = rl.Repeats().fit(ships).state().to_polars()
    with pytest.raises(ArgumentError, match="no column"):
        rl.Repeats.from_state(state.drop("exporter"))
    with pytest.raises(ArgumentError, match="one of Repeats"):
        rl.Diversion.from_state(state)
    with pytest.raises(ArgumentError, match="target"):
        rl.Diversion.from_state(state.drop("fitted_by"))


def test_a_parameter_that_can_be_read_once_is_kept(ships):
    detector = rl.UnitValue(by=(name for name in ("hs6", "origin")))
    first = detector.fit_score(ships)
    assert detector.fit_score(ships) == first
    assert rl.UnitValue().fit_score(ships) == first


def test_a_parameter_changed_in_place_is_told(ships):
    by = ["hs6"]
    detector = rl.UnitValue(by=by, backoff=()).fit(ships)
    by[0] = "hs2"
    for use in (lambda: detector.score(ships), detector.state, lambda: pickle.dumps(detector)):
        with pytest.raises(NotFittedError, match="changed after the fit"):
            use()


def test_a_derived_class_may_have_other_parameters(ships):
    class More(rl.UnitValue):
        """More parameters."""

        def __init__(self, *, extra=3, **kw):
            super().__init__(**kw)
            self.extra = extra

    class Fewer(rl.UnitValue):
        """Fewer parameters."""

        def __init__(self, *, min_peers=7):
            super().__init__(min_peers=min_peers)

    assert More(min_peers=7).fit_score(ships) == Fewer().fit_score(ships) == rl.UnitValue(min_peers=7).fit_score(ships)
    assert "extra=3" in repr(More())


def test_a_p_value_at_the_limit_is_found_by_all():
    n = 119
    known = rl.read(pl.DataFrame({"hs": ["690912"] * n, "value": [float(i + 1) for i in range(n)]}))
    new = rl.read(pl.DataFrame({"hs": ["690912"] * 2, "value": [1e9, n / 2]}))
    detector = rl.Ecod(columns=["value"]).fit(known)
    assert detector.score(new)["p_value"].to_pylist()[0] == 0.025
    assert (detector.predict(new) == -1).sum() == len(rl.screen(new, [detector])) == 1
    assert detector.decision_function(new)[0] < 0 < detector.decision_function(new)[1]


def test_a_state_without_its_label_takes_what_is_passed(ships):
    detector = rl.UnitValue(min_peers=30).fit(ships)
    bare = detector.state().to_polars().drop("fitted_by")
    again = rl.UnitValue.from_state(bare, min_peers=30)
    assert bits(again.score(ships)).equals(bits(detector.score(ships)))


def test_setting_an_attribute_clears_the_fit(ships):
    detector = rl.UnitValue().fit(ships)
    detector.min_peers = 30
    with pytest.raises(NotFittedError):
        detector.score(ships)
    detector.fit(ships)
    detector.set_params(min_peers=25)
    with pytest.raises(NotFittedError):
        detector.score(ships)


def test_screen_and_history_work_on_copies(ships):
    history, new = ships.where(year=[2021, 2022]), ships.where(year=2023)
    detector = rl.UnitValue(min_peers=5)
    first = rl.screen(new, [detector], history=history)
    with pytest.raises(NotFittedError):
        detector.score(new)
    fitted = rl.UnitValue(min_peers=5).fit(new)
    before = bits(fitted.state())
    assert bits(rl.screen(new, [fitted], history=history).table).equals(bits(first.table))
    assert bits(fitted.state()).equals(before)
    assert bits(rl.screen(new, [detector], history=history).table).equals(bits(first.table))


@pytest.mark.parametrize("cls", rl.detectors.ALL, ids=lambda cls: cls.__name__)
def test_scores_as_scikit_learn_gives_them(cls, ships):
    detector = made(cls).fit(ships)
    table = detector.score(ships).to_polars()
    score, p = table["score"].to_numpy(), table["p_value"].to_numpy()
    np.testing.assert_array_equal(detector.score_samples(ships), -score)
    for fdr in (0.05, 0.5):
        labels = detector.predict(ships, fdr=fdr)
        known = ~np.isnan(p)
        q = np.full(len(p), np.nan)
        q[known] = rl.fdr(p[known].tolist())
        np.testing.assert_array_equal(labels == -1, np.nan_to_num(q, nan=1.0) <= fdr)
        decision = detector.decision_function(ships, fdr=fdr)
        assert decision.shape == labels.shape
        assert np.isnan(decision[~known]).all()
    assert set(detector.fit_predict(ships)) <= {-1, 1}


def test_a_derived_class_is_the_detector_it_derives_from(ships):
    class Prices(rl.UnitValue):
        """Prices by chapter."""

        def __init__(self, *, by=("hs2",), min_peers=10):
            super().__init__(by=by, backoff=(), min_peers=min_peers)

        def _settings(self):
            return rl.UnitValue(by=self.by, backoff=(), min_peers=self.min_peers)._settings()

    plain = rl.UnitValue(by=("hs2",), backoff=(), min_peers=10)
    assert bits(Prices().fit_score(ships)).equals(bits(plain.fit_score(ships)))
