"""The commands of `croupier`, a module for each."""
