"""The tables, with their columns, units and indexes: of a decision, a cloud, a broker, a real log."""
