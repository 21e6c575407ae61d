"""Damaged inputs of every kind: no panic, no crash, no hang, no lasting effect.

`pytest tests/test_mutations.py --mutations 600` looks for ten minutes a kind instead of some seconds, and
`--mutations-seed` begins elsewhere.
"""

import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest

KINDS = ["ipc", "packed", "parquet", "states", "streams", "text"]
LONGEST = 4.0


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_input_is_an_error_or_a_fault(kind, request):
    seconds = request.config.getoption("--mutations")
    seed = request.config.getoption("--mutations-seed")
    worker = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("mutate.py")), kind, str(seed), str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = queue.Queue()
    threading.Thread(target=lambda: [lines.put(line) for line in worker.stdout] + [lines.put("")], daemon=True).start()
    errors = []
    threading.Thread(target=lambda: errors.extend(worker.stderr), daemon=True).start()
    current, cases, wait = None, 0, 60.0  # the first line waits for the imports
    try:
        while True:
            try:
                line = lines.get(timeout=wait)
            except queue.Empty:
                pytest.fail(f"{kind}, seed {current}: no answer within {wait} seconds")
            if not line:
                break
            word, number = line.split()
            current, wait = number, LONGEST
            cases += word == "done"
        code = worker.wait(10)
        assert code == 0, f"{kind}, seed {current}: exit {code}\n{''.join(errors)[-3000:]}"
        assert not any("panicked" in line for line in errors), "".join(errors)[-3000:]
        assert cases > 5
    finally:
        worker.kill()
