"""A take as a corpus that others can use: Harmony4D's released layout, and its datasheet.

The layout keeps one file per frame, which holds a pickled dictionary. Writing it is marey's one
exception to "no pickles", made because the programs of that field read nothing else, and only where
the user names the layout. marey reads them back through `marey.core.restricted_pickle`.
"""
