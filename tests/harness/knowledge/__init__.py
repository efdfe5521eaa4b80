"""Knowledge as data: known deviations, and the sentences of the documentation."""
