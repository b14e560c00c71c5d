"""Helpers of the transfer-learning course. Importing this package does not import TensorFlow."""

import os

# Read by TensorFlow when it is first imported: no banners among a notebook's outputs.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = os.environ.get("KERAS_BACKEND") or "tensorflow"  # an empty one is none to Keras

__version__ = "1.0.0"
