"""The API database (nova/db/api)."""
