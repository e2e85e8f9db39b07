"""Who stands between the API and the hosts (nova/conductor)."""
