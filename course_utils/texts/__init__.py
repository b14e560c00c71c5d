"""Texts to learn from, and the files of word vectors."""
