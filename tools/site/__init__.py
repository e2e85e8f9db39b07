"""Builds the lab for a browser: `make site`; serves it: `make site-serve`."""
