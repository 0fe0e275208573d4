"""The processes of this computer."""
