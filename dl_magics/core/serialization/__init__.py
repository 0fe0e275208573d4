"""Values as a file: what `%%gpu -i` sends to the GPU kernel and `-o` brings back.

A file is a zip of one table of values, as JSON, and of arrays as .npy files. Unlike a pickle,
reading it never runs code of its own. A value is restored with its exact type, or refused by its
name; what two containers share is shared on the other side too.

`plain`, `dates`, `arrays`, `tables`, `columns` and `tensors` take values of one kind apart and put
them together again; `node_table` lists the parts; `value_file` is what other packages use. Runs on
Python 3.8.
"""
