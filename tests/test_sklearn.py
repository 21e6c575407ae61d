"""The conventions of scikit-learn: those of its checks that apply, and pipelines."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import redlane as rl
import sklearn.exceptions
from redlane.sklearn import ShipmentFeatures
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.validation import check_is_fitted

# The other checks use matrices without names, or sample weights.
CHECKS = [
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
]
TRANSFORMER = [
    "check_estimators_unfitted",
    "check_get_feature_names_out_error",
    "check_transformers_unfitted",
    "check_transformer_n_iter",
]


@pytest.fixture(scope="module")
def frame():
    return rl.samples.shipments(3_000, seed=4).ships.to_pandas()


def estimators():
    made = [ShipmentFeatures()]
    made += [cls() for cls in rl.detectors.ALL if cls is not rl.Diversion]
    return [*made, rl.Diversion(target="RU", event="2022-03-01")]


@pytest.mark.parametrize("estimator", estimators(), ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("check", CHECKS)
def test_the_checks_that_apply(estimator, check):
    if isinstance(estimator, rl.Diversion) and check == "check_parameters_default_constructible":
        pytest.skip("target and event have no default")
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)


@pytest.mark.parametrize("check", TRANSFORMER)
def test_the_checks_of_transformers_that_apply(check):
    getattr(estimator_checks, check)("ShipmentFeatures", ShipmentFeatures())


def test_tags_say_what_goes_in_and_out():
    tags = get_tags(ShipmentFeatures())
    assert not tags.input_tags.two_d_array
    assert tags.input_tags.allow_nan
    assert tags.transformer_tags.preserves_dtype == []
    assert get_tags(rl.UnitValue()).estimator_type == "outlier_detector"


def test_fitting_changes_neither_the_data_nor_the_parameters(frame):
    before, features = frame.copy(), ShipmentFeatures()
    params = features.get_params()
    assert features.fit(frame) is features
    pd.testing.assert_frame_equal(frame, before)
    assert features.get_params() == params
    assert list(features.feature_names_in_) == list(frame.columns)
    assert features.n_features_in_ == frame.shape[1]
    check_is_fitted(features)


def test_fitting_twice_is_fitting_once(frame):
    features = ShipmentFeatures().fit(frame[:2_000])
    first = features.transform(frame[2_000:])
    pd.testing.assert_frame_equal(features.fit(frame[:2_000]).transform(frame[2_000:]), first)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(features)).transform(frame[2_000:]), first)


def test_records_are_described_one_by_one_as_together(frame):
    features = ShipmentFeatures().fit(frame[:2_000])
    together = features.transform(frame[2_000:2_020])
    alone = pd.concat([features.transform(frame[i : i + 1]) for i in range(2_000, 2_020)])
    np.testing.assert_array_equal(together.to_numpy(), alone.to_numpy())


def test_output_is_what_was_asked_for(frame):
    features = ShipmentFeatures().fit(frame)
    assert isinstance(features.transform(frame), pd.DataFrame)
    made = clone(features).set_output(transform="polars").fit(frame).transform(frame)
    assert isinstance(made, pl.DataFrame)
    assert made.columns == list(features.get_feature_names_out())


def test_an_error_of_both_worlds(frame):
    for error in (rl.errors.NotFittedError, sklearn.exceptions.NotFittedError):
        with pytest.raises(error):
            ShipmentFeatures().transform(frame)


def test_a_pipeline_is_cloned_and_fitted(frame):
    wrong = np.arange(len(frame)) % 7 == 0
    pipeline = make_pipeline(ShipmentFeatures(), HistGradientBoostingClassifier(max_iter=3))
    model = clone(pipeline).fit(frame, wrong)
    assert model.predict_proba(frame[:5]).shape == (5, 2)


def test_a_detector_is_cloned():
    detector = rl.UnitValue(by=["hs4"], backoff=(), min_peers=7)
    assert clone(detector).get_params() == detector.get_params()
