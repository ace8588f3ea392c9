"""The mark that tells a process from what is forked from it."""

import subprocess
import sys
import textwrap

import pytest

_CHILD = """
    import os, sys
    from afterword import lineage
    if "{kernel}" == "lies":
        lineage._MADV_WIPEONFORK = 0  # MADV_NORMAL: granted, and nothing comes of it
    elif "{kernel}" == "cannot":
        lineage._MADV_WIPEONFORK = -1
    own = lineage.mark()
    fork = os.fork
    if "{fork}" == "without hooks":
        import ctypes
        fork = ctypes.PyDLL(None).fork
    assert own[0] == 1 and lineage.mark() is own
    child = fork()
    if child == 0:
        childs = lineage.mark()
        grandchild = fork()
        if grandchild == 0:
            print(own[0], childs[0], lineage.mark()[0], flush=True)
            os._exit(0)
        os.waitpid(grandchild, 0)
        print(own[0], childs[0], lineage.mark() is childs, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print(own[0], lineage.mark() is own)
"""


@pytest.mark.parametrize(
    ("kernel", "fork"),
    [
        ("wipes", "with hooks"),
        ("wipes", "without hooks"),
        ("lies", "with hooks"),
        ("cannot", "with hooks"),
        ("cannot", "without hooks"),
    ],
)
def test_a_forked_child_is_told_from_its_parent(kernel: str, fork: str) -> None:
    """Two generations: each mark is 1 in the process that made it, and 0 in all others.

    By the kernel where no hook of Python's runs (uWSGI), by the hook where the kernel takes the
    advice and does nothing, by the process id where it does not take it.
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_CHILD).format(kernel=kernel, fork=fork)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["0 0 1", "0 1 True", "1 True"]
