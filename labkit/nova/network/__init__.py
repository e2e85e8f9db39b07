"""What a service of Nova knows of ports (nova/network)."""
