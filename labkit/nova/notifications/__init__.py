"""What Nova tells others (nova/notifications)."""
