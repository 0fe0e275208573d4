"""The launch of an instance: its plan and price, its requests, what AWS has not answered."""
