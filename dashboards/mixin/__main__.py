"""``python -m dashboards.mixin``: write the dashboards and the rules; ``--check``: are they so?"""

import sys
from pathlib import Path

from dashboards.mixin.generated import files


def main() -> int:
    """Exit code 1 where ``--check`` finds a file that is not what would be written."""
    folder = Path(__file__).parents[1]
    different = [
        name
        for name, text in files().items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        for name in different:
            print(f"dashboards/{name} is not up to date: make dashboards")
        return 1 if different else 0
    for name in different:
        (folder / name).write_text(files()[name], encoding="utf-8")
        print(f"dashboards/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
