"""Roles by column name, compared with a list checked by hand. Names outside the list have no role."""

import csv
from pathlib import Path

from redlane import _core


def test_weighted_agreement_with_the_key(data):
    with open(data / "column_names.csv", encoding="utf-8") as file:
        names = {row["column"]: int(row["sources"]) for row in csv.DictReader(file)}
    with open(Path(__file__).parent / "column_roles.csv", encoding="utf-8") as file:
        key = {row["column"]: row["role"] for row in csv.DictReader(file)}
    assert set(key) <= set(names)
    agreed = sum(weight for name, weight in names.items() if _core.role_of_name(name) == key.get(name))
    assert agreed / sum(names.values()) >= 0.95
    with_role = sum(weight for name, weight in names.items() if name in key)
    found = sum(weight for name, weight in names.items() if name in key and _core.role_of_name(name) == key[name])
    assert found / with_role >= 0.95
