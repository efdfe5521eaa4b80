"""The pytest plugin: options, profiles, collection, order, search, header, verdict, record."""
