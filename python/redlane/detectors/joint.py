"""Oddity in the joint view of several columns."""

from __future__ import annotations

from collections.abc import Sequence

from redlane.detectors.base import Detector
from redlane.shipments import names


class Isolation(Detector):
    """Is a shipment easily told apart from the rest?

    Isolation forest (Liu, Ting and Zhou 2008): the score is 2^(-E[h] / c), between 0 and 1, where h is the depth
    at which random cuts isolate the shipment and c = 2 H(n-1) - 2 (n-1)/n the mean depth for a sample of n,
    with exact harmonic numbers. Texts are categories and are cut into random halves; a category that a cut
    has not met goes with the smaller half; nulls go with the half that a coin decides for each cut.

    Each tree has its own seed and its sample is drawn by hashing the shipments' content, so the same shipments
    in any order, or in parts merged later, give the same forest.

    Parameters
    ----------
    columns
        Names of columns. The roles `value`, `net_weight` and `quantity`, and `unit_value` (value / net weight),
        are taken as logarithms; other columns of numbers as they are; texts and other roles as categories.
    trees
        How many.
    sample
        Shipments a tree, 2 to 65536.
    seed
        Chooses the forest.

    Scores
    ------
    A row a shipment, in source order: `row`, `score`, `p_value` (conformal: the share of the shipments that trees
    were drawn from, this one added, that score as much; no less than one over their number), `direction`
    (null), `observed` (the score) and `expected` (the middle shipment's), `peer`, `n_peers`, `caution`,
    `reason` (with the columns whose cuts isolate it).

    State
    -----
    The shipments that trees are drawn from, a row a content: the columns, `count`, and `fitted`, the number of
    all shipments fitted.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(20_000).ships
    >>> scores = rl.Isolation(columns=("value", "net_weight", "origin")).fit_score(ships)
    >>> 0 < min(scores["score"].to_pylist()) < max(scores["score"].to_pylist()) < 1
    True
    """

    def __init__(
        self,
        *,
        columns: Sequence[str] = ("value", "net_weight", "unit_value"),
        trees: int = 100,
        sample: int = 256,
        seed: int = 0,
    ) -> None:
        self.columns = columns
        self.trees = trees
        self.sample = sample
        self.seed = seed


class Ecod(Detector):
    """Is a shipment out at the tails of several columns?

    Empirical-cumulative-distribution outlier detection (Li et al. 2022), made inductive: the fit keeps the
    distribution functions, so a score never depends on the shipments scored beside it. For each column
    U_l = -ln F(x), U_r = -ln F⁻(x), U_skew = the tail to which the column is skewed (both where it is not); the
    score is the sum over columns of the largest. On the fitted data it equals PyOD's. A value beyond all
    fitted ones counts as the most extreme of them; a null says nothing.

    Parameters
    ----------
    columns
        Names of columns of numbers, as in `Isolation`.

    Scores
    ------
    A row a shipment, in source order: `row`, `score`, `p_value` (conformal: the share of fitted shipments, this
    one added, that score as much), `direction` (null), `observed` (the score) and `expected` (the middle
    shipment's), `peer`, `n_peers`, `caution`, `reason` (with the columns that say most).

    State
    -----
    The fitted columns, a row a shipment: they are the distribution functions.

    Examples
    --------
    >>> import redlane as rl
    >>> ships = rl.samples.shipments(20_000).ships
    >>> detector = rl.Ecod().fit(ships.where(date=rl.between(None, "2022")))
    >>> len(detector.score(ships)) == len(ships)
    True
    """

    def __init__(self, *, columns: Sequence[str] = ("value", "net_weight", "unit_value")) -> None:
        self.columns = columns
