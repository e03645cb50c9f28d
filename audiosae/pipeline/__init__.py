"""What runs the method: notebooks as stages, the book, checks, verification."""
