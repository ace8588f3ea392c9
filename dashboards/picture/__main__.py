"""Draw a dashboard's panels into a PNG, with a headless Chromium."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from dashboards.picture.asked import source
from dashboards.picture.page import WIDTH, page

_ROOT = Path(__file__).parents[2]


def main() -> int:
    """Ask, draw, take the picture."""
    options = _options()
    board = json.loads((_ROOT / "dashboards" / f"{options.dashboard}.json").read_text("utf-8"))
    seconds = int(options.range.removesuffix("m")) * 60
    html, height = page(board, source(options.prometheus, seconds, options.rate_interval))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(html, encoding="utf-8")
        subprocess.run(
            [
                *(options.chromium, "--headless", "--no-sandbox", "--hide-scrollbars"),
                *("--force-device-scale-factor=1", f"--window-size={WIDTH},{height}"),
                *(f"--screenshot={options.output}", path.as_uri()),
            ],
            check=True,
            capture_output=True,
        )
    print(options.output)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dashboards.picture", description=__doc__)
    parser.add_argument("--prometheus", default="http://localhost:9090")
    parser.add_argument("--dashboard", default="overview", help="a JSON file in dashboards/")
    parser.add_argument("--range", default="15m", help="how far back, in minutes")
    parser.add_argument("--rate-interval", default="1m", help="at least four scrapes")
    parser.add_argument("--chromium", default="chromium")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs/images/overview.png")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
