"""How long MAAD's index takes, and how much memory: as many rows as the real file, with random labels.

    python -m benchmarks.maad_index [--rows 3311286]

Prints seconds and peak memory of each step, every step in a process of its own: the index is made, opened again from
the cache, a subset of 1,000 test faces drawn, and the training faces encoded for FaceInsight. For scale, the
same file read by pandas. Writes 0.4 GB for all rows into a temporary folder.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tasks.labels import label_space

ROWS, TEST_ROWS = 3_311_286, 169_396
PER_IDENTITY = 362
_OPEN = "from tasks.datasets import open_index; found = open_index('maad', ROOT / 'maad'); "
_ASK = "from tasks.registry import samples; "
STEPS = {
    "index": f"{_OPEN} print(len(found), 'faces')",
    "open again": f"{_OPEN} print(len(found.faces('test')), 'test')",
    "subset of 1,000": f"{_ASK} print(len(list(samples('maad', ROOT, limit=1000).samples)), 'samples')",
    "all test faces": f"{_ASK} print(sum(len(one.gold) for one in samples('maad', ROOT).samples), 'cells')",
    "for training": "from faceinsight.faces import load; print(load(ROOT, ['maad']).mask_NK.sum(), 'cells')",
    "pandas, for scale": "import pandas; print(len(pandas.read_csv(ROOT / 'maad/MAAD_Face.csv')), 'rows')",
}


def write(root: Path, rows: int) -> None:
    """A label file of the published form, and one empty folder per identity."""
    names = label_space("maad").labels
    random = np.random.default_rng(0)
    test_from = rows - max(1, round(rows * TEST_ROWS / ROWS))
    seen: set[str] = set()
    (root / "maad").mkdir(parents=True)
    with (root / "maad/MAAD_Face.csv").open("w") as file:
        file.write(",".join(("Filename", "Identity", *names)) + "\n")
        for start in range(0, rows, 50_000):
            cells = random.choice(
                np.array(["-1", "1", "0"]), p=[0.6, 0.2, 0.2], size=(min(50_000, rows - start), len(names))
            )
            for row, values in enumerate(cells.tolist(), start):
                split = "test" if row >= test_from else "train"
                identity = f"n{row // PER_IDENTITY:06d}" if split == "train" else f"n9{row // PER_IDENTITY:05d}"
                if identity not in seen:
                    seen.add(identity)
                    (root / "maad" / split / identity).mkdir(parents=True)
                file.write(f"{identity}/{row % PER_IDENTITY:04d}_01.jpg,{identity[1:]},{','.join(values)}\n")


def measured(root: Path, cache: Path, code: str) -> str:
    """Run one step alone; what it printed, its seconds without starting Python, its peak memory."""
    program = (
        "import sys, time, resource; from pathlib import Path; ROOT = Path(sys.argv[1]); start = time.perf_counter(); "
        f"{code}; print(round(time.perf_counter() - start, 2), 's,', "
        "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, 'MiB')"
    )
    environment = {"FACE_HARNESS_CACHE": str(cache), "PATH": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program, str(root)], env=environment, capture_output=True, text=True)
    return ", ".join(done.stdout.split("\n")).strip(", ") or done.stderr


def main() -> None:
    """Write the file, run the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder) / "data", Path(folder) / "cache"
        start = time.perf_counter()
        write(root, rows)
        size = (root / "maad/MAAD_Face.csv").stat().st_size / 2**20
        print(f"wrote {rows} rows, {size:.0f} MiB, in {time.perf_counter() - start:.0f} s")
        for name, code in STEPS.items():
            print(f"{name:>20}: {measured(root, cache, code)}", flush=True)


if __name__ == "__main__":
    main()
