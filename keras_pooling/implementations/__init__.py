"""What computes a pooling: one module per host, and the portable path for all others.

Each offers the same functions; `keras_pooling.ops` chooses among them.
"""
