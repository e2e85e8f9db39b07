"""The scheduler: request filters, filters, weighers, choice (nova/scheduler)."""
