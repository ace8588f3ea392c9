"""Real servers and process managers, with a row's tasks under way in them."""
