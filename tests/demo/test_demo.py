"""``make demo`` itself, small: real sidecar, real shop, a worker killed with -9."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_agrees_and_leaves_nothing_running(tmp_path: Path) -> None:
    """In a pipe: exit code 0, no colour, tasks of every outcome, and none of its processes left."""
    run = subprocess.run(
        (sys.executable, "-m", "examples.demo", "--orders", "36", "--folder", str(tmp_path)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout
    assert "\x1b[" not in run.stdout
    for verdict in ("completed", "exception", "timeout", "raised", "cancelled", "instance_lost"):
        assert verdict in run.stdout
    told = " ".join(run.stdout.split())
    assert "declare_customs timed_out platform_deadline proven" in told
    assert re.search(r"suspended in.*asyncio\.sleep.*after_the_response\.py", told)
    assert '"order_id": "order-' in run.stdout, "no payload of a killed task was shown"
    lines = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    workers = {line["pid"] for line in lines if line["event"] == "worker_up"}
    assert len(workers) > 3, "no worker was replaced"
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]
