"""What is kept on disk and fetched from the network: caches, downloads, files written whole."""
