"""`marey dataset`: takes to corpora in released layouts."""
