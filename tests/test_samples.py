import polars as pl
import redlane as rl


def test_same_seed_same_sample():
    a, b, c = (rl.samples.shipments(5_000, seed=s) for s in (1, 1, 2))
    assert a.ships.to_polars().equals(b.ships.to_polars())
    assert a.truth.to_polars().equals(b.truth.to_polars())
    assert not a.ships.to_polars().equals(c.ships.to_polars())


def test_it_looks_like_customs_records(sample):
    frame = sample.ships.to_polars()
    assert frame["hs"].str.len_chars().unique().to_list() == [6]
    assert frame["hs"].str.slice(0, 2).n_unique() > 80
    assert frame.select((pl.col("value") > 0).all(), (pl.col("net_weight") > 0).all()).row(0) == (True, True)
    assert frame["date"].is_between(pl.date(2020, 1, 1), pl.date(2023, 12, 31)).all()
    share = frame.group_by("importer").len().sort("len", descending=True)["len"].head(100).sum() / len(frame)
    assert share > 0.05
    for pattern in (r"\p{Cyrillic}", r"\p{Han}", r"\p{Arabic}", r"\p{Latin}"):
        assert frame["importer"].str.contains(pattern).any()
    weights = frame["net_weight"]
    assert weights.mean() > 2 * weights.median()
    assert len(sample.ships.faults) == 0


def test_patterns_are_what_they_say(sample):
    frame = sample.ships.to_polars().with_row_index("row")
    truth = sample.truth.to_polars().with_columns(pl.col("row").cast(pl.UInt32))
    planted = {p: frame.join(truth.filter(pattern=p), on="row") for p in truth["pattern"].unique()}
    assert len(planted) == 8
    armour = planted["mislabelled"]
    assert armour["hs"].unique().to_list() == ["930400"]
    assert (armour["value"] / armour["net_weight"]).median() > 100
    firm = planted["newcomer"]
    assert firm["importer"].n_unique() == 1
    assert set(firm["date"].dt.year()) == {2023}
    year = sample.ships.where(hs="690912", origin="CN").compare("destination", "2023", "2022").to_pylist()
    growth = {r["destination"]: r["growth"] for r in year}
    assert growth["RU"] > 0.3
    assert growth["UA"] < -0.3
    split = planted["split"]
    assert split["value"].is_between(9_500, 10_000).all()
    assert split.group_by("date").len()["len"].min() >= 4
    rest = [c for c in frame.columns if c not in ("row", "id")]
    copies = frame.group_by(rest).len().filter(pl.col("len") > 1)["len"].sum()
    assert copies >= 2 * len(planted["duplicate"]) * 0.9
