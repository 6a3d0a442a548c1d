"""`detect` beside decoding alone: images a second, and memory for folders of several sizes.

    python -m benchmarks.detection_speed [DETECTOR]

Images of 256 x 256 with grain, PNG and JPEG by turns, linked as often as a folder needs. Decoding
alone is Pillow's, one file after the other. Rounds are interleaved and times are of the clock, so
leave the machine alone; read the ratios. Memory is the peak of a whole process.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.detecting import detect
from auditkit.detection.files import Detector, load_detector
from auditkit.runtime import Runtime

SIDE = 256
KINDS = 20  # files; the others are links to them
ROUNDS = 5
FILES = 512  # of a round
SIZES = (1_000, 5_000)  # of the folders by which memory is told


def stored(folder: Path) -> list[Path]:
    """Smooth noise with grain: it packs about as well as a photograph."""
    rng = np.random.default_rng(0)
    places = []
    for number in range(KINDS):
        smooth = gaussian_filter(rng.normal(size=(SIDE, SIDE, 3)), (3, 3, 0))
        pixels = 128 + 40 * smooth / smooth.std() + rng.normal(0, 4, smooth.shape)
        place = folder / f"{number}{'.jpg' if number % 2 else '.png'}"
        image = Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))
        image.save(place, **({"quality": 90} if number % 2 else {}))
        places.append(place)
    return places


def linked(kinds: list[Path], folder: Path, files: int) -> Path:
    folder.mkdir()
    for number in range(files):
        one = kinds[number % len(kinds)]
        os.link(one, folder / f"{number:06}{one.suffix}")
    return folder


def decoding(folder: Path) -> float:
    start = time.perf_counter()
    for one in sorted(folder.iterdir()):
        with Image.open(one) as image:
            image.load()
    return time.perf_counter() - start


def detecting(folder: Path, detector: Detector) -> float:
    start = time.perf_counter()
    found = sum(1 for _ in detect([folder], detector, Runtime(device="cpu")))
    assert found == FILES, f"{found} rows of {FILES} files"
    return time.perf_counter() - start


def megabytes(folder: Path, model: str) -> float:
    """The peak of a process that answers a folder."""
    code = (
        "import resource, sys; from pathlib import Path; from auditkit.cli import run; "
        "run(['detect', sys.argv[1], '--format', 'csv', '--out', sys.argv[2], '--device', 'cpu']"
        " + sys.argv[3:]); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    chosen = ["--model", model] if model else []
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(folder) + ".csv", *chosen],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout.split()[-1])


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else ""
    detector = load_detector(model or None)
    with tempfile.TemporaryDirectory() as place:
        kinds_folder = Path(place) / "kinds"
        kinds_folder.mkdir()
        kinds = stored(kinds_folder)
        folder = linked(kinds, Path(place) / "round", FILES)
        decoding(folder), detecting(folder, detector)  # warm
        alone, ours = [], []
        for _ in range(ROUNDS):
            alone.append(decoding(folder))
            ours.append(detecting(folder, detector))
        ratios = sorted(a / b for a, b in zip(ours, alone, strict=True))
        print(f"decoding alone  {FILES / statistics.median(alone):7.0f} images a second")
        print(f"detect          {FILES / statistics.median(ours):7.0f} images a second")
        print(
            f"ratio of times  {statistics.median(ratios):7.2f} ({ratios[0]:.2f} to "
            f"{ratios[-1]:.2f}, {ROUNDS} rounds of {FILES} files)"
        )
        for files in SIZES:
            many = linked(kinds, Path(place) / str(files), files)
            print(f"{files:>6,} files    {megabytes(many, model):7.0f} MB at most")


if __name__ == "__main__":
    main()
