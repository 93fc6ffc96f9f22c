"""Rules of identity, without I/O."""
