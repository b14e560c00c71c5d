"""Pictures as arrays and as targets: photographs, folders of a user's own, handwritten digits."""
