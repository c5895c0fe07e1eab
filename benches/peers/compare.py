"""Times nonius beside its peers: the same inputs, one run, turn by turn, one thread; and compares what they give."""

import argparse
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "peers"
BEGIN, END = "<!-- benches/peers: begin -->", "<!-- benches/peers: end -->"

# Everybody has one thread, no level is forced, and nothing is compiled for this machine alone.
ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if k not in ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "NONIUS_LEVEL")},
    **{k: "1" for k in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")},
}


@dataclass(frozen=True)
class Case:
    work: str
    operation: str
    kernel: str
    pixel: str
    shape: tuple[int, int, int, int]
    # How many times faster than the best peer nonius shall be, at its best level and at `wide`.
    target: float
    wide: float | None = None

    @property
    def pixels(self):
        return math.prod(self.shape)

    @property
    def size(self):
        n, c, h, w = self.shape
        return f"{w}x{h}" if n * c == 1 else f"{n}x{c}x{h}x{w}"


def cases():
    full, vga = (1, 1, 1080, 1920), (1, 1, 480, 640)
    for shape in (full, vga):
        yield Case("u8 nearest, affine", "affine", "nearest", "u8", shape, 3.0, 1.0)
        yield Case("u8 bilinear, affine", "affine", "bilinear", "u8", shape, 3.0, 1.0)
        yield Case("u8 nearest, homography", "homography", "nearest", "u8", shape, 2.5)
        yield Case("u8 bilinear, homography", "homography", "bilinear", "u8", shape, 2.5)
        yield Case("u8 nearest, f32 map", "map", "nearest", "u8", shape, 2.0)
        yield Case("u8 bilinear, f32 map", "map", "bilinear", "u8", shape, 2.0)
        yield Case("u8 RGB bilinear, affine", "affine", "bilinear", "u8x3", shape, 2.5)
        yield Case("u8 RGB bilinear, homography", "homography", "bilinear", "u8x3", shape, 2.5)
        yield Case("u8 bicubic, affine", "affine", "bicubic", "u8", shape, 3.0)
        yield Case("u8 Lanczos-4, affine", "affine", "lanczos4", "u8", shape, 5.0)
        yield Case("u16 bilinear, affine", "affine", "bilinear", "u16", shape, 1.5)
        yield Case("i16 bilinear, affine", "affine", "bilinear", "i16", shape, 2.0)
        yield Case("f32 bilinear, affine", "affine", "bilinear", "f32", shape, 1.25)
    for kernel, target in (("nearest", 2.0), ("bilinear", 2.0), ("bicubic", 3.0)):
        yield Case(f"grid_sample {kernel}", "forward", kernel, "f32", vga, target)
    for shape in ((8, 3, 224, 224), (8, 16, 64, 64)):
        for kernel in ("nearest", "bilinear", "bicubic"):
            yield Case(f"grid_sample {kernel}", "forward", kernel, "f32", shape, 2.0)
    yield Case("gradient to the grid, bilinear", "grid", "bilinear", "f32", vga, 2.5)
    yield Case("gradients to image and grid, bilinear", "both", "bilinear", "f32", vga, 3.0)
    yield Case("theta to loss and back, bilinear", "theta", "bilinear", "f32", vga, 12.0)


# --- set-up ---


def build():
    """The runner's path."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "peers-runner"
    command = ["cargo", "build", "--release", "--manifest-path", HERE / "Cargo.toml", "--target-dir", target]
    subprocess.run(command, check=True, env=ENVIRONMENT)
    return target / "release" / "peers"


class Server:
    """A process that answers requests, one line each."""

    def __init__(self, command, **environment):
        self.process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**ENVIRONMENT, **environment},
        )

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().strip()
        if not answer:
            sys.exit(f"no answer to {words}")
        return answer


@dataclass
class Contestant:
    name: str
    server: Server
    who: str
    # How far its positions may be from exact ones, in pixels: half of 1/32 where it has a table of weights, else by
    # the rounding of weights and single precision.
    tolerance: float
    # The same for each column of an affine warp, where it adds up steps that are cut off.
    drift: float = 0
    # Levels of an integer pixel by which it and nonius may differ after rounding.
    unit: int = 1
    level: str | None = None


def contestants():
    runner = Server([build()])
    opencv_5 = Server([sys.executable, HERE / "worker.py", "opencv"])
    opencv_4 = Server([sys.executable, HERE / "worker.py", "opencv"], PYTHONPATH=str(WORK / "opencv-4"))
    torch = Server([sys.executable, HERE / "worker.py", "torch"])
    pins = tomllib.loads((HERE / "Cargo.toml").read_text())["dependencies"]
    levels = runner.ask("levels").split()
    best = Contestant(f"nonius {levels[-1]}", runner, levels[-1], 0, level=levels[-1])
    others = [
        Contestant(f"nonius {level}", runner, level, 0, level=level) for level in levels[:-1] if level != "scalar"
    ]
    return best, [
        *others,
        Contestant(f"OpenCV {opencv_5.ask('version')}", opencv_5, "opencv", 1 / 64 + 1 / 512),
        Contestant(f"OpenCV {opencv_4.ask('version')}", opencv_4, "opencv", 1 / 64 + 1 / 512),
        Contestant(f"PyTorch {torch.ask('version')}", torch, "torch", 1 / 2048),
        # It cuts off fractions, twice.
        Contestant(f"imageproc {pins['imageproc']['version'].strip('=')}", runner, "imageproc", 1 / 512, unit=2),
        Contestant(f"kornia-imgproc {pins['kornia-imgproc'].strip('=')}", runner, "kornia", 1 / 512, 2**-16),
    ]


# --- inputs ---


def picture(shape, random):
    """The shipped photograph, repeated by reflection, another part of it in every plane."""
    photograph = cv2.imread(str(ROOT / "examples/images/retina_green_470x470.png"), cv2.IMREAD_GRAYSCALE)
    n, c, height, width = shape
    pad = [(0, max(0, height - photograph.shape[0])), (0, max(0, width - photograph.shape[1]))]
    whole = np.pad(photograph, pad, mode="reflect")
    planes = [np.roll(whole, tuple(random.integers(0, 400, 2)), (0, 1))[:height, :width] for _ in range(n * c)]
    return np.stack(planes).reshape(shape)


def affine(width, height):
    """Rotation by 12 degrees, scale 1.07, about the centre, and a shift."""
    sine, cosine = (1.07 * f(math.radians(12)) for f in (math.sin, math.cos))
    x, y = width / 2, height / 2
    return np.array(
        [
            [cosine, -sine, x - cosine * x + sine * y + 3.3],
            [sine, cosine, y - sine * x - cosine * y - 2.7],
            [0, 0, 1],
        ]
    )


def inputs(case):
    """Raw inputs by name, and the exact source positions, (N, H, W) each."""
    random = np.random.default_rng(1)
    n, _, height, width = case.shape
    y, x = np.mgrid[0:height, 0:width].astype("f8")
    files = {}
    if case.pixel == "u8x3":
        planes = picture((1, 3, height, width), random)
        files["source"] = np.ascontiguousarray(planes[0].transpose(1, 2, 0))
    else:
        grey = picture(case.shape, random)
        fine = grey.astype("u2") << 8 | random.integers(0, 256, grey.shape, "u2")
        files["source"] = {
            "u8": lambda: grey,
            "u16": lambda: fine,
            "i16": lambda: (fine.astype("i4") - 32768).astype("i2"),
            "f32": lambda: fine.astype("f4") / 65536,
        }[case.pixel]()
    matrix = affine(width, height)
    if case.operation == "homography":
        matrix = np.array([[1, 0, 0], [0, 1, 0], [0.04 / width, -0.03 / height, 1]]) @ matrix
    if case.operation in ("affine", "homography"):
        files["matrix"] = matrix
    u, v, d = np.tensordot(matrix, np.stack([x, y, np.ones_like(x)]), 1)
    x, y = (u / d)[None], (v / d)[None]
    if case.operation == "map":
        x, y = (x + 3 * np.sin(y / 37)).astype("f4"), (y + 3 * np.cos(x / 41)).astype("f4")
        files["map_x"], files["map_y"] = x, y
    elif case.operation in ("forward", "grid", "both", "theta"):
        # The same affine map between normalised coordinates, corners not aligned.
        to = np.array([[width / 2, 0, (width - 1) / 2], [0, height / 2, (height - 1) / 2], [0, 0, 1]])
        theta = (np.linalg.inv(to) @ matrix @ to)[:2].astype("f4")
        files["theta"] = np.stack([theta] * n)
        base = np.stack(
            [
                *np.meshgrid((2 * np.arange(width) + 1) / width - 1, (2 * np.arange(height) + 1) / height - 1),
                np.ones((height, width)),
            ]
        )
        grid = np.tensordot(theta.astype("f8"), base, 1).transpose(1, 2, 0).astype("f4")
        files["grid"] = np.stack([grid] * n)
        x, y = (((files["grid"][..., i].astype("f8") + 1) * s - 1) / 2 for i, s in enumerate((width, height)))
        files["cotangent"] = random.standard_normal(case.shape).astype("f4")
        files["target"] = np.roll(files["source"], 2, 3)
    return files, x, y


# --- agreement ---

# Pixels of an axis around a position that matter, and how fast a value changes with it, per axis: the largest sum of
# absolute slopes, halved, times the other axis' sum of absolute weights.
REACH = {"nearest": 1, "bilinear": 1, "bicubic": 3, "lanczos4": 5}
SPEED = {"nearest": 0, "bilinear": 1, "bicubic": 2, "lanczos4": 4}


def local_range(planes, x, y, reach):
    """Largest minus smallest pixel near each position; (N, C, H, W)."""
    window = np.ones((2 * reach + 1, 2 * reach + 1), "u1")
    planes = planes.astype("f4")
    spread = np.stack(
        [np.stack([cv2.dilate(p, window) - cv2.erode(p, window) for p in item]) for item in planes]
    )
    column, row = (np.clip(np.rint(v), 0, s - 1).astype(int) for v, s in ((x, planes.shape[3]), (y, planes.shape[2])))
    return np.stack([item[:, r, c] for item, r, c in zip(spread, row, column)])


def planes(case, values):
    """As (N, C, H, W)."""
    if case.pixel == "u8x3":
        return values.reshape(case.shape[2], case.shape[3], 3).transpose(2, 0, 1)[None]
    return values.reshape(case.shape)


def agreement(case, data, x, y, contestant, ours, theirs):
    """The largest difference that is bounded, the bound in words, and whether all are within it.

    In words, r is the difference of the largest and the smallest pixel near a position, c the cotangent.
    """
    n, channels, height, width = case.shape
    if case.operation == "theta":
        # Relative to the largest derivative: sums of single precision in another order.
        a, b = (np.frombuffer(v, "f8") for v in (ours, theirs))
        difference = np.append(np.abs(a - b)[1:] / np.abs(a[1:]).max(), abs(a[0] - b[0]) / a[0])
        return difference.max(), "1e-3 of the largest", bool((difference <= 1e-3).all())
    source, reach = planes(case, data["source"]), REACH[case.kernel]
    spread = local_range(source, x, y, reach)
    inside = (x >= reach) & (x <= width - 1 - reach) & (y >= reach) & (y <= height - 1 - reach)
    slack = contestant.tolerance + 1 / 1024 + contestant.drift * width * (case.operation == "affine")
    if case.operation in ("grid", "both"):
        count = n * height * width * 2
        a, b = (np.frombuffer(v, "f4") for v in (ours, theirs))
        # A slope along one axis changes with the position along the other. At kinks two answers are right.
        smooth = inside & (np.abs(x - np.rint(x)) > slack) & (np.abs(y - np.rint(y)) > slack)
        scale = np.abs(data["cotangent"] * spread).sum(1)[..., None] * [width / 2, height / 2]
        difference = np.abs(a - b)[:count].reshape(n, height, width, 2)
        right = (difference <= 2 * slack * scale)[smooth].all()
        # No more than eight destination pixels have a tap on one source pixel.
        scattered = np.abs(a - b)[count:]
        right &= (scattered <= 8 * 2 * slack * np.abs(data["cotangent"]).max()).all()
        bound = f"{2 * slack:.2g} c r s" + f", {16 * slack:.2g} c" * (case.operation == "both")
        return max(difference[smooth].max(), scattered.max(initial=0)), bound, bool(right)
    dtype = data["source"].dtype
    a, b = (planes(case, np.frombuffer(v, dtype)).astype("f8") for v in (ours, theirs))
    difference = np.abs(a - b)
    if case.kernel == "nearest":
        clear = inside & (np.abs(x % 1 - 0.5) > slack) & (np.abs(y % 1 - 0.5) > slack)
        bound, words = np.zeros_like(difference), f"0 beyond {slack:.2g} px of a tie"
    else:
        clear, unit, factor = inside, contestant.unit * (case.pixel != "f32"), 2 * SPEED[case.kernel] * slack
        bound, words = unit + factor * spread, f"{unit} + {factor:.2g} r" if unit else f"{factor:.2g} r"
    clear = np.broadcast_to(clear[:, None], difference.shape)
    far = (x < -reach - 1) | (x > width + reach) | (y < -reach - 1) | (y > height + reach)
    far = np.broadcast_to(far[:, None], difference.shape)
    right = (difference <= bound)[clear].all() and (difference[far] == 0).all()
    return difference[clear].max(), words, bool(right)


# --- the run ---


@dataclass
class Entry:
    contestant: Contestant
    id: str
    repeat: int
    # Nanoseconds per pixel of each round.
    times: list[float]
    worst: float = 0.0
    bound: str = ""
    agrees: bool = True

    @property
    def median(self):
        return statistics.median(self.times)


def run(case, best, others, rounds):
    """The entries of a case, that of nonius at its best level first; none where nonius cannot do it."""
    data, x, y = inputs(case)
    with tempfile.TemporaryDirectory(dir=WORK) as directory:
        for name, values in data.items():
            np.ascontiguousarray(values).tofile(f"{directory}/{name}")
        entries = []
        for contestant in (best, *others):
            words = (contestant.who, case.operation, case.kernel, case.pixel, ",".join(map(str, case.shape)), directory)
            status, *id = contestant.server.ask("prepare", *words).split()
            if status == "ready":
                entries.append(Entry(contestant, *id, 1, []))
        results = []
        for entry in entries:
            ask = entry.contestant.server.ask
            ask("time", entry.id, 1)
            once = float(ask("time", entry.id, 2))
            entry.repeat = max(1, math.ceil(4e6 / once))
            ask("write", entry.id, f"{directory}/result")
            results.append(Path(f"{directory}/result").read_bytes())
        for number in range(rounds):
            start = number % len(entries) if entries else 0
            for entry in entries[start:] + entries[:start]:
                time = entry.contestant.server.ask("time", entry.id, entry.repeat)
                entry.times.append(float(time) / case.pixels)
        for contestant in (best, *others):
            contestant.server.ask("forget")
    if not entries or entries[0].contestant is not best:
        return []
    for entry, result in zip(entries, results):
        if entry.contestant.level:
            entry.agrees = result == results[0]
        else:
            entry.worst, entry.bound, entry.agrees = agreement(
                case, data, x, y, entry.contestant, results[0], result
            )
    return entries


def details(case, entries):
    """Everybody's time, and the largest difference from nonius."""
    for e in entries:
        q1, _, q3 = statistics.quantiles(e.times, n=4)
        same = "the same bits" if e.contestant.level else f"differs by {e.worst:.4g} (bound {e.bound})"
        verdict = "" if e.agrees else ": NOT WITHIN THE BOUND"
        print(f"  {e.contestant.name:24} {e.median:8.3f} ns/px ({q1:.3f} to {q3:.3f}), {same}{verdict}")


def row(case, entries):
    """A line of the table."""
    peers = [e for e in entries if not e.contestant.level and e.agrees]
    if not peers:
        return f"| {case.work} | {case.size} | | | | | {case.target:g}x | absent | |"
    ours, peer = entries[0], min(peers, key=lambda e: e.median)
    wide = next((e for e in entries if e.contestant.level == "wide"), ours)
    ratio, wide_ratio = peer.median / ours.median, peer.median / wide.median
    reached = ratio >= case.target and (case.wide is None or wide_ratio >= case.wide)
    wanted = f"{case.target:g}x" + (f", `wide` {case.wide:g}x" if case.wide else "")
    cells = [
        case.work,
        case.size,
        f"{peer.contestant.name} {peer.median:.2f}",
        f"{ours.contestant.level} {ours.median:.2f}",
        f"{ratio:.2f}x",
        f"{wide.median:.2f} ({wide_ratio:.2f}x)",
        wanted,
        "yes" if reached else "no",
        f"{peer.worst:.3g} ({peer.bound})",
    ]
    return "| " + " | ".join(cells) + " |"


HEADER = """\
| work | size | best peer, ns/px | nonius, ns/px | faster | level `wide` | wanted | reached | differs by (bound) |
|---|---|---|---|---|---|---|---|---|"""


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main():
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="turns of everybody in a case (default 15)")
    parser.add_argument("--only", default="", help="cases whose name and size contain these words")
    parser.add_argument("--write", nargs="?", const="README.md", metavar="FILE", help="put the table there")
    arguments = parser.parse_args()
    if arguments.write and arguments.only:
        parser.error("only a whole table is written")
    best, others = contestants()
    lines, wrong = [], []
    for case in cases():
        if not all(word in f"{case.work} {case.size}" for word in arguments.only.split()):
            continue
        entries = run(case, best, others, arguments.rounds)
        print(f"{case.work}, {case.size}" + ("" if entries else ": absent"), flush=True)
        details(case, entries)
        wrong += [f"{case.work}, {case.size}: {e.contestant.name}" for e in entries if not e.agrees]
        lines.append(row(case, entries))
    names = ", ".join(c.name for c in others if not c.level)
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.split()[1]
    note = (
        f"{processor()}; {names}; rustc {rustc}. One thread; processor time, medians of {arguments.rounds}"
        " interleaved rounds; pixels are output elements. Bounds: r is the range of the pixels nearby, c the"
        " cotangent, s half the side."
    )
    table = "\n".join([HEADER, *lines, "", note])
    print(f"\n{table}")
    if wrong:
        sys.exit("\nnot within the bound, so not in the table:\n" + "\n".join(wrong))
    if arguments.write:
        file = ROOT / arguments.write
        before, begin, rest = file.read_text().partition(BEGIN)
        _, end, after = rest.partition(END)
        if not (begin and end):
            sys.exit(f"{file}: no markers {BEGIN} and {END}")
        file.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


if __name__ == "__main__":
    main()
