"""The model of Nova: its own tree and names, a hundredth of its lines.

Nothing below this package knows tables, figures or notebooks.
"""
