"""The pytest plugin: options, profiles, collection, header, failures, verdict, record."""
