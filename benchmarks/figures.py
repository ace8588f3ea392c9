"""``python -m benchmarks.figures NAME``: one benchmark's figures as a JSON object, nothing else."""

import json
import sys
from importlib import import_module

if __name__ == "__main__":
    json.dump(import_module(f"benchmarks.{sys.argv[1]}").measure(), sys.stdout)
