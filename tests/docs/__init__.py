"""The generated pages of the documentation, and how they are made."""
