"""A machine that has never seen Samovar: `make fresh` installs it there by the documents, word by word."""
