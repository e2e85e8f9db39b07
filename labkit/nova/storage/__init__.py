"""Storage that Nova shares with others (nova/storage)."""
