"""Screens of the back office. Each room registers its own when it is imported."""
