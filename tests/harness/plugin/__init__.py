"""The pytest plugin: options, profiles, collection, order, shards, header, failures, verdict, record."""
