"""OpenSSH's own programs: a server on the loopback, and a client with the home folder of a test."""
