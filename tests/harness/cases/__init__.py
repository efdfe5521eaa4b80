"""What a case is, and how one is drawn. Nothing here needs TensorFlow."""
