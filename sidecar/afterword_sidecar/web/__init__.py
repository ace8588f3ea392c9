"""HTTP: the receiver of evidence (4318) and the operators' port (9464). Thin handlers."""
