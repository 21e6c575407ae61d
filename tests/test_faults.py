"""Scripts that once hung, crashed, lost or changed data, run as they are beside the real data.

The mechanisms behind them have tests of their own: test_engine_faults, test_value_faults, test_file_faults,
test_outside_bytes, test_writing, test_text_plan and test_order_and_view.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import redlane as rl

# What each script must print, line by line, as patterns; and its exit status.
PRINTED: dict[str, tuple[int, list[str]]] = {
    "arrow_offsets_out_of_order.py": (1, ["made", r'.*ReadError: .*column "x".*offsets.*']),
    "arrow_view_bad_length.py": (1, ["made", r'.*ReadError: .*column "x".*']),
    "csv_unclosed_quote.py": (0, ["300001 rows,.*", "a line of blanks: rows 2 .*", "a line of blanks: rows 2 .*"]),
    "deadlock_screen.py 16 20000 20 date32": (0, [rf"{call} \d+" for call in range(20)]),
    "fork_hang.py": (0, [r"\[95, 1169\]"]),
    "glob_drops_files.py": (1, [".*MissingFileError: .*dangling.csv: the link leads to .*"]),
    "hostile_states.py": (
        0,
        [f"{name} ArgumentError .*" for name in ("surge_empty", "surge_period", "digits", "newcomer_window")],
    ),
    "hostile_states.py surge_memory ipc_abort inject": (
        0,
        ["surge_memory ArgumentError .*", r"ipc_abort \w*Error .*", "inject ArgumentError .*"],
    ),
    "parquet_duplicate_names.py": (0, [r".*\[10, 20\], \[777, 888\]\] the last should be.*"]),
    "parquet_files_cast.py": (
        0,
        [
            r"1 \+ 1.9 = \[2.9\].*",
            r"1 \+ 1.9 = \[2.9\].*",
            r"1 \+ 3e9 = \[3000000001.0\] 0",
            r"\['1', 'oops'\] faults 1",
            r"\['2023-01-01', '05.03.2023'\] faults 0",
            r".*\['hs', 'value', 'more'\].*",
        ],
    ),
    "plot_script_injection.py": (0, [".*raw script: False"]),
    "state_valueweight_nan_hang.py": (1, ["start", ".*ArgumentError: .*net_weight_values.*"]),
    "wrong_where_and_keys.py": (
        0,
        [
            r"where\(ident=2\*\*53\+1\): \[9007199254740993\]  ident.max: \[9007199254740994\]",
            "timestamp equal: 1 of 1; range over January: 2 of 2",
            r".*\[Decimal\('-1.00'\), Decimal\('2.00'\), Decimal\('10.00'\)\]",
            r".*\[999, 2010, 2011\]",
            r"hs \[-99, 8806\] -> \['8806', None\] faults 1",
            r"hs \[-8806.0\] -> \[None\] faults 1",
            r"hs \[880622.5\] -> \[None\] faults 1",
            r"'\(-5\)' -> \[None\]",
            r"date64 out of range: \[.*, None\] faults 1",
        ],
    ),
}


def _run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    name, *arguments = script.split()
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    return subprocess.run(
        [sys.executable if name.endswith(".py") else "bash", str(folder / name), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PATH": os.pathsep.join(folders)},
        check=False,
    )


@pytest.fixture
def faults(cases: Path) -> Path:
    if not (cases / "faults").is_dir():
        pytest.skip("the cases hold no scripts of faults")
    return cases / "faults"


@pytest.mark.parametrize("script", PRINTED)
def test_scripts_print_the_right_thing(faults: Path, script: str) -> None:
    status, patterns = PRINTED[script]
    done = _run(faults, script)
    lines = done.stdout.splitlines()
    if status:
        lines.append(done.stderr.splitlines()[-1])
    assert done.returncode == status, done.stderr
    assert len(lines) == len(patterns), lines
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(pattern, line), line


def test_a_leakage_report_depends_on_the_records_alone(faults: Path) -> None:
    straight, reversed_, view, copy = _run(faults, "leakage_order_and_view.py").stdout.splitlines()
    assert straight == reversed_
    assert view == copy


def test_damaged_parquet_files_are_errors(faults: Path) -> None:
    done = _run(faults, "corrupt_parquet/run.py")
    assert done.returncode == 0, done.stderr
    lines = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
    assert len(lines) == len(list((faults / "corrupt_parquet").glob("*.parquet")))
    # One of them holds valid data.
    assert [name for name, *told in lines if told[:2] != ["True", "FormatError"]] == ["pq_77_2263.parquet"]


def test_inputs_that_took_the_square_of_their_size_end(faults: Path) -> None:
    done = _run(faults, "slow.py")
    assert len(done.stdout.splitlines()) == 13, done.stderr


def test_pipes_are_read(faults: Path) -> None:
    done = _run(faults, "fifo_hang.sh")
    assert "1 shipments" in done.stdout, done.stderr


def test_a_zero_byte_in_a_name_leaves_a_table(faults: Path) -> None:
    ships = rl.read(faults / "nul_in_column_name.csv")
    assert len(ships.to_table().to_arrow()) == len(ships)
    assert not any("\0" in name for name in ships.columns)
