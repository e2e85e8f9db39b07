"""Parts of the installed Nova, each asked between stand-ins, for tests, recorders and benches."""
