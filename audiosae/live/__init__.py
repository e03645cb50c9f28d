"""What a page needs to compute sounds by itself: models for the browser, and what it knows of every feature."""
