"""The programs under test, each run as a process of its own."""
