"""What the people who work here are told about the product: its words, and a page for each screen.

`terms` are the words with their meaning, `pages` the texts in `en` and `ru`, `markup` makes HTML of them.
"""
