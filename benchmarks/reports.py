"""The page of GPT-2's weight space, 148 tensors: its size, the time to make it and, with a browser, to open it.

python -m benchmarks.reports
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.spaces import gpt2
from layergen.report import page

TIMED = """<script>addEventListener("load", () => setTimeout(() => {
const t = performance.timing, start = performance.now();
document.querySelectorAll(".block")[900].click();
document.title = [t.loadEventEnd - t.navigationStart, performance.now() - start].join(" ");
}));</script></body>"""


def opened(html: str, browser: str) -> tuple[float, float]:
    """Milliseconds until the page is loaded, and until a block is open."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(html.replace("</body>", TIMED), encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"]
        command = [browser, *options, f"--user-data-dir={folder}/profile", path.as_uri()]
        out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    loaded, clicked = re.findall(r"<title>([\d.]+) ([\d.]+)</title>", out)[0]
    return float(loaded), float(clicked)


def main() -> None:
    """Print the three numbers."""
    start = time.perf_counter()
    html = page(gpt2())
    print(f"{len(html.encode()) / 1e6:.1f} MB in {time.perf_counter() - start:.1f} s, proofs included")
    browser = shutil.which("chromium")
    if browser is None:
        print("no chromium here to open it with")
    else:
        loaded, clicked = opened(html, browser)
        print(f"opened in {loaded / 1000:.1f} s, a block in {clicked:.0f} ms")


if __name__ == "__main__":
    main()
