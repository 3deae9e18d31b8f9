"""Where artifacts come from and where they live. Transport, never authority."""
