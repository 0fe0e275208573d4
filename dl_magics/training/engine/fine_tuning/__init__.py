"""The second phase of a run: the last layers of the network are trained together with the head."""
