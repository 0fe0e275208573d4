"""What a person asks for, written once, whoever asks: a magic, a button or the server."""
