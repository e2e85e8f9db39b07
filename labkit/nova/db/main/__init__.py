"""The database of a cell (nova/db/main)."""
