"""Networks of KerasHub, an optional package."""
