"""Every fault that can be produced on one machine, and the book beside what truly happened."""
