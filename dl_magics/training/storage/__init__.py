"""What runs leave on a computer, and how its space is given back."""
