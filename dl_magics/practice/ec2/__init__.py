"""The EC2 API of the practice cloud, and the other AWS APIs that renting an instance needs."""
