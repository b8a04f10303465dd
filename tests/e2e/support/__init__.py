"""Real peers for the end-to-end tests, and the eyes and ears that judge what they got."""
