"""For people who make tools: from files on a desk to an artifact that others can admit."""
