"""Pretrained image networks: which there are, how they are loaded, and where they can be cut."""
