"""What features and runs occupy, here and on the connected host, and how space is given back."""
