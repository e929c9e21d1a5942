"""UniF²ace: one transformer that understands faces and generates them from text (arXiv 2503.08120)."""

__version__ = "0.1.0"
