"""The notebooks under docs run from top to bottom."""

import json
import os
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize("name", ["investigation", "korean_declarations"])
def test_notebook(name, request, monkeypatch):
    if name == "korean_declarations":
        try:
            import lightgbm  # noqa: F401
        except (ImportError, OSError) as missing:  # its wheel looks for the system's OpenMP
            pytest.skip(f"LightGBM cannot be used here: {missing}")
        monkeypatch.setenv("REDLANE_DATA", str(request.getfixturevalue("data").resolve()))
    cells = json.loads((DOCS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] or "import" in "".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    monkeypatch.chdir(DOCS)
    scope: dict = {}
    for number, source in enumerate(code):
        exec(compile(source, f"{name}, cell {number}", "exec"), scope)
    assert os.getcwd() == str(DOCS)
