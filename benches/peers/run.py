#!/usr/bin/env python3
"""Times nonius beside its peers, and compares what they give. See README.md beside this file.

    python3 benches/peers/run.py [--rounds N] [--only WORDS] [--write [FILE]]
    python3 benches/peers/run.py alignment [PROTOCOL ...] [--runs N] [--only WORDS] [--json] [--write FILE]

The first run makes a Python environment in target/peers (PyTorch is large); compare.py does the rest, in it, or
`cargo bench --bench alignment`, with it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE.parent.parent / "target" / "peers"
PYTHON = WORK / "venv" / "bin" / "python"
REQUIREMENTS = HERE / "requirements.txt"
# A second OpenCV: for some work it is the faster one. It needs a directory of its own.
OPENCV_4 = "opencv-python-headless==4.14.0.94"


def install():
    wanted = REQUIREMENTS.read_text() + OPENCV_4
    stamp = WORK / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("installing the Python peers into target/peers", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", WORK / "venv"], check=True)
    shutil.rmtree(WORK / "opencv-4", ignore_errors=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", REQUIREMENTS], check=True)
    subprocess.run([*pip, "--no-deps", "--target", WORK / "opencv-4", OPENCV_4], check=True)
    stamp.write_text(wanted)


if __name__ == "__main__":
    install()
    if sys.argv[1:2] == ["alignment"]:
        os.chdir(HERE.parent.parent)
        bench = ["cargo", "bench", "--bench", "alignment", "--", "--peers", PYTHON, *sys.argv[2:]]
        os.execvp(bench[0], bench)
    os.execv(PYTHON, [PYTHON, HERE / "compare.py", *sys.argv[1:]])
