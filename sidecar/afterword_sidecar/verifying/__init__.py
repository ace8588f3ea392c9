"""Whether a journal is whole, and whether what it says follows from what it heard."""
