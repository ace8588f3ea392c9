"""The plain program, told by ``instrument("shutdown")`` when it stops."""

import asyncio

import afterword
from worlds.faults.apps.plain import main

if __name__ == "__main__":
    afterword.instrument("shutdown")
    asyncio.run(main())
