"""The local page to draw on, and the REST interface behind it."""
