"""Mailings that repeat: what the product does."""

__version__ = "0.2.0"
