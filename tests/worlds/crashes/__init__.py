"""A real sidecar that is killed again and again while real clients report to it over HTTP."""
