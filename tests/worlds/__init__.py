"""Worlds that tests put the product into: a desk to write in a book at, and a simulated fleet."""
