"""``python -m worlds.faults.document``: the table of rows in ``docs/faults.md``, from the rows."""

from pathlib import Path
from typing import Final

from worlds.faults.registry import FAMILIES

PAGE: Final = Path(__file__).parents[3] / "docs" / "faults.md"
BEGIN: Final = (
    "<!-- rows: made from the code by `python -m worlds.faults.document`, do not edit -->"
)
END: Final = "<!-- end of rows -->"


def rows() -> str:
    """The table, one line a row, family by family."""
    lines = ["| fault | delivery | what is done | what the book is to say | ways |"]
    lines.append("|---|---|---|---|---|")
    for family, faults in FAMILIES.items():
        lines.append(f"| **{family}** | | | | |")
        lines += (
            f"| {each.name} | {', '.join(each.deliveries)} | {each.does} | {each.expects} | "
            f"{', '.join(map(str, each.modes))} |"
            for each in faults
        )
    return "\n".join(lines)


def rewritten(page: str) -> str:
    """The page with the table as the code has it."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{rows()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text()))
