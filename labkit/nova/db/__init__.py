"""The databases of Nova (nova/db)."""
