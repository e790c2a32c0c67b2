"""Time a cold `load_model.py IMAGE` beside the bare imports that it cannot do without.

    python3 benchmarks/cold_start.py

Writes the medians and their ratio to assets/results/cold_start.json.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from digits import cli, files, recorded, results

REPEATS = 25
COMMANDS = {
    "imports": [sys.executable, "-c", "import numpy, cv2, h5py"],
    "load_model": [
        sys.executable,
        str(ROOT / "load_model.py"),
        str(ROOT / "assets" / "images" / "1a.jpg"),
    ],
}


def seconds_of(command):
    """Return how long a command takes, in seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


@cli.report_errors
def main(argv=None):
    """Measure, print and record; return the exit status."""
    cli.parser(__doc__).parse_args(argv)
    seconds = {name: [] for name in COMMANDS}
    # In turn, so that other work on the machine slows both alike.
    for _ in range(REPEATS):
        for name, command in COMMANDS.items():
            seconds[name].append(seconds_of(command))
    medians = {name: round(float(np.median(s)), 4) for name, s in seconds.items()}
    ratio = round(medians["load_model"] / medians["imports"], 3)
    summary = {
        "median_seconds": medians,
        "ratio": ratio,
        "repeats": REPEATS,
        "versions": results.versions(),
        "hardware": results.hardware(),
    }
    path = recorded.FOLDER / "cold_start.json"
    files.write_text(path, json.dumps(summary, indent=1) + "\n")
    print(f"{medians} ratio {ratio}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
