"""The bundles, as files of a package so that they are installed with it.  README.md says what they are and whose."""
